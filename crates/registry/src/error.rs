//! Why the registry did not do what was asked.
//!
//! The messages are ECR's own; both the distribution protocol and the `ecr` room show them.
//! How an error looks on the wire is chosen in `http/refusal.rs` and in the room.

use model::AccountId;
use model::ecr::{Digest, ImageTag, RepositoryName};
use thiserror::Error;

/// A failed request.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no such repository.
    #[error("The repository with name '{name}' does not exist in the registry with id '{registry}'")]
    RepositoryUnknown {
        /// The name that was asked for.
        name: String,
        /// The account.
        registry: AccountId,
    },
    /// There is such a repository already.
    #[error("The repository with name '{name}' already exists in the registry with id '{registry}'")]
    RepositoryExists {
        /// The name.
        name: RepositoryName,
        /// The account.
        registry: AccountId,
    },
    /// The repository still has images and was not to be deleted by force.
    #[error(
        "The repository with name '{name}' in registry with id '{registry}' cannot be deleted because it still contains images"
    )]
    RepositoryNotEmpty {
        /// The name.
        name: RepositoryName,
        /// The account.
        registry: AccountId,
    },
    /// There is no such rule of the pull-through cache.
    #[error("The pull through cache rule with prefix '{0}' does not exist")]
    CacheRuleUnknown(String),
    /// There is such a rule already.
    #[error("The pull through cache rule with prefix '{0}' already exists")]
    CacheRuleExists(String),
    /// More rules than a registry may have.
    #[error("A registry can have up to {0} pull through cache rules")]
    TooManyCacheRules(usize),
    /// Another registry did not give what it was asked for.
    #[error("The upstream registry could not be asked: {0}")]
    Upstream(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The operator has named no Longshore of that account.
    #[error("The registry {0} is not known: name it with --registry-peer")]
    PeerUnknown(String),
    /// Another Longshore refused a request.
    #[error("The other registry answered {status}: {code}: {message}")]
    PeerRefused {
        /// Its status.
        status: http::StatusCode,
        /// Its exception's name, or the distribution protocol's code.
        code: String,
        /// What it said.
        message: String,
    },
    /// There is no such template.
    #[error("The Repository Creation Template with prefix '{0}' does not exist")]
    TemplateUnknown(String),
    /// There is such a template already.
    #[error("The Repository Creation Template with prefix '{0}' already exists")]
    TemplateExists(String),
    /// The name of a repository is malformed.
    #[error("Invalid repository name: {0:?}")]
    NameInvalid(String),
    /// The digest is malformed.
    #[error("Invalid digest: {0:?}")]
    DigestMalformed(String),
    /// The blob is not in the repository.
    #[error("The blob {0} does not exist in the repository")]
    BlobUnknown(Digest),
    /// The upload does not exist, has ended or belongs to another repository.
    #[error("The upload {0:?} does not exist")]
    UploadUnknown(String),
    /// The chunk does not begin where the last one ended.
    #[error("The chunk does not begin at byte {received}")]
    ChunkOutOfOrder {
        /// How many bytes have arrived.
        received: u64,
    },
    /// The chunk's body is not as long as its range says.
    #[error("The chunk has {received} bytes where {announced} were announced")]
    ChunkLength {
        /// What `Content-Range` or `Content-Length` said.
        announced: u64,
        /// What came.
        received: u64,
    },
    /// A chunk of the same upload is being received.
    #[error("The upload is receiving another chunk")]
    UploadBusy,
    /// A request whose range or length is malformed.
    #[error("{0}")]
    RequestInvalid(&'static str),
    /// The content is not what its digest says.
    #[error("The content's digest is {found}, not {expected}")]
    DigestMismatch {
        /// What was promised.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// The image or tag is not in the repository.
    #[error("{message}")]
    ManifestUnknown {
        /// ECR's message: it names the image as it was asked for.
        message: String,
    },
    /// An index that can be pulled lists the image.
    #[error("The image {0} is referenced by a manifest list in the standard storage class")]
    ListedByIndex(Digest),
    /// The manifest is malformed.
    #[error("Invalid image manifest: {0}")]
    ManifestInvalid(String),
    /// The manifest is larger than the registry takes.
    #[error("The image manifest is larger than {0} bytes")]
    ManifestTooLarge(usize),
    /// The manifest names blobs that are not in the repository.
    #[error(
        "Layers with digests '[{}]' required for pushing image into repository with name '{name}' in the registry with id '{registry}' do not exist",
        listed(digests)
    )]
    LayersMissing {
        /// The missing blobs.
        digests: Vec<Digest>,
        /// The repository.
        name: RepositoryName,
        /// The account.
        registry: AccountId,
    },
    /// The index names manifests that are not in the repository.
    #[error(
        "Images with digests '[{}]' required for pushing image into repository with name '{name}' in the registry with id '{registry}' do not exist",
        listed(digests)
    )]
    ImagesMissing {
        /// The missing manifests.
        digests: Vec<Digest>,
        /// The repository.
        name: RepositoryName,
        /// The account.
        registry: AccountId,
    },
    /// The tag is malformed.
    #[error("Invalid image tag: {0:?}")]
    TagMalformed(String),
    /// More tags than one push takes.
    #[error("A manifest is pushed with at most {0} tags")]
    TooManyTags(usize),
    /// The tag may not be moved.
    #[error(
        "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the tag is immutable."
    )]
    TagImmutable {
        /// The tag.
        tag: ImageTag,
        /// The repository.
        name: RepositoryName,
    },
    /// No credentials.
    #[error("Not Authorized")]
    Unauthenticated,
    /// Credentials that are no good.
    #[error("Your Authorization Token is invalid.")]
    TokenInvalid,
    /// Credentials that were good once.
    #[error("Your authorization token has expired. Reauthenticate and try again.")]
    TokenExpired,
    /// The caller may not do this.
    #[error("User: {principal} is not authorized to perform: {action} on resource: {resource}")]
    Denied {
        /// The caller's ARN.
        principal: String,
        /// The IAM action.
        action: &'static str,
        /// The resource's ARN.
        resource: String,
    },
    /// The path or the method is not one of the protocol's.
    #[error("The operation is unsupported.")]
    Unsupported,
    /// The client's body broke off.
    #[error("The request's body ended early")]
    BodyBroken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// So many writers changed the repository at once that ours never came through.
    #[error("The repository is being changed by too many requests")]
    Contended,
    /// The state store failed.
    #[error("the state store failed while {attempt}")]
    Store {
        /// What was attempted.
        attempt: &'static str,
        /// Why it failed.
        #[source]
        source: store::Error,
    },
    /// The blob store failed.
    #[error("the blob store failed while {attempt}")]
    Content {
        /// What was attempted.
        attempt: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller's: the same request fails again.
    Caller,
    /// Ours: the cause is for the log, not for the caller.
    Ours,
}

impl Error {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Error::Contended | Error::Store { .. } | Error::Content { .. } => Fault::Ours,
            _ => Fault::Caller,
        }
    }
}

fn listed(digests: &[Digest]) -> String {
    digests.iter().map(Digest::as_str).collect::<Vec<_>>().join(", ")
}
