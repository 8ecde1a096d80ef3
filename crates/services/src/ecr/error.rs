//! The exceptions of ECR, and how the registry's failures become them.

use registry::{Error as RegistryError, Fault};
use thiserror::Error;
use wire::Value;

use crate::error::ServiceError;

/// A refused request, or a failure of ours.
#[derive(Debug, Error)]
pub enum Error {
    /// The registry's refusal or failure.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A parameter breaks a rule.
    #[error("Invalid parameter at '{parameter}' failed to satisfy constraint: '{constraint}'")]
    InvalidParameter {
        /// The parameter's name.
        parameter: &'static str,
        /// The rule.
        constraint: String,
    },
    /// A tag breaks a rule of tags.
    #[error("{0}")]
    InvalidTag(String),
    /// More tags than a resource may have.
    #[error("One resource can have up to {0} tags")]
    TooManyTags(usize),
    /// The image is there with that tag already.
    #[error("{0}")]
    ImageAlreadyExists(String),
    /// The manifest's digest is not the one that was given.
    #[error("The specified digest does not match the digest calculated for the image")]
    ImageDigestMismatch,
    /// The layer's digest is not the one that was given.
    #[error(
        "The layer digest calculation performed upon receipt of the image layer does not match the digest specified"
    )]
    LayerDigestMismatch,
    /// The layer is in the repository already.
    #[error("{0}")]
    LayerAlreadyExists(String),
    /// The upload was completed without a part.
    #[error("The specified layer upload does not contain any layer parts")]
    EmptyUpload,
    /// The upload is not there.
    #[error("{0}")]
    UploadNotFound(String),
    /// A part does not begin where the last one ended, or is not as long as it says.
    #[error("{message}")]
    InvalidLayerPart {
        /// What is wrong.
        message: String,
        /// The members that go with it.
        members: Vec<(String, Value)>,
    },
    /// The layers are not in the repository.
    #[error("{0}")]
    LayersNotFound(String),
    /// The repository has no policy.
    #[error(
        "Repository policy does not exist for the repository with name '{name}' in the registry with id '{registry}'"
    )]
    RepositoryPolicyNotFound {
        /// The repository.
        name: String,
        /// The account.
        registry: String,
    },
    /// The registry has no policy.
    #[error("Registry policy does not exist in the registry with id '{0}'")]
    RegistryPolicyNotFound(String),
    /// The repository has no lifecycle policy.
    #[error(
        "Lifecycle policy does not exist for the repository with name '{name}' in the registry with id '{registry}'"
    )]
    LifecyclePolicyNotFound {
        /// The repository.
        name: String,
        /// The account.
        registry: String,
    },
    /// The registry is none that images are pulled through from.
    #[error("The specified upstream registry '{0}' is not supported")]
    UnsupportedUpstream(String),
    /// There are no secrets yet.
    #[error("The ARN of the secret specified in the pull through cache rule was not found: {0}")]
    SecretNotFound(String),
    /// The image was never scanned.
    #[error(
        "Image scan does not exist for the image with imageDigest '{digest}' in the repository with name '{name}' in the registry with id '{registry}'"
    )]
    ScanNotFound {
        /// The image.
        digest: String,
        /// The repository.
        name: String,
        /// The account.
        registry: String,
    },
    /// The image is archived.
    #[error("The image with imageDigest '{0}' is archived and cannot be scanned")]
    ImageArchived(String),
    /// No backfill has that id.
    #[error("The replication backfill with id '{0}' does not exist")]
    BackfillNotFound(String),
    /// The backfill has ended.
    #[error("The replication backfill with id '{0}' is not in progress")]
    BackfillEnded(String),
    /// One is going on.
    #[error("A replication backfill for the region '{0}' is already in progress")]
    BackfillInProgress(String),
    /// As many as may be are going on.
    #[error("A registry can have up to {0} replication backfills in progress")]
    TooManyBackfills(usize),
    /// An index is not scanned.
    #[error("An image index or manifest list is not scanned, only the images that it lists")]
    UnsupportedImageType,
    /// There is nothing to compare packages with.
    #[error("There is no vulnerability database: start Longshore with --vulnerability-db")]
    NoVulnerabilities,
    /// The pulls of the principal are not recorded already.
    #[error("The pull time update exclusion for the principal '{0}' already exists")]
    ExclusionExists(String),
    /// The pulls of the principal are recorded.
    #[error("The pull time update exclusion for the principal '{0}' does not exist")]
    ExclusionNotFound(String),
    /// More exclusions than a registry may have.
    #[error("A registry can have up to {0} pull time update exclusions")]
    TooManyExclusions(usize),
    /// A key of AWS KMS was asked for.
    #[error("The operation failed due to a KMS exception: there is no AWS KMS; use AES256")]
    Kms,
    /// No lifecycle policy was previewed.
    #[error(
        "Lifecycle policy preview does not exist for the repository with name '{name}' in the registry with id '{registry}'"
    )]
    PreviewNotFound {
        /// The repository.
        name: String,
        /// The account.
        registry: String,
    },
}

impl Error {
    /// A parameter that breaks `constraint`.
    pub fn parameter(parameter: &'static str, constraint: impl Into<String>) -> Self {
        Error::InvalidParameter { parameter, constraint: constraint.into() }
    }

    /// The exception's name.
    fn code(&self) -> &'static str {
        match self {
            Error::Registry(error) => registry_code(error),
            Error::InvalidParameter { .. } => "InvalidParameterException",
            Error::InvalidTag(_) => "InvalidTagParameterException",
            Error::TooManyTags(_) => "TooManyTagsException",
            Error::ImageAlreadyExists(_) => "ImageAlreadyExistsException",
            Error::ImageDigestMismatch => "ImageDigestDoesNotMatchException",
            Error::LayerDigestMismatch => "InvalidLayerException",
            Error::LayerAlreadyExists(_) => "LayerAlreadyExistsException",
            Error::EmptyUpload => "EmptyUploadException",
            Error::UploadNotFound(_) => "UploadNotFoundException",
            Error::InvalidLayerPart { .. } => "InvalidLayerPartException",
            Error::LayersNotFound(_) => "LayersNotFoundException",
            Error::RepositoryPolicyNotFound { .. } => "RepositoryPolicyNotFoundException",
            Error::RegistryPolicyNotFound(_) => "RegistryPolicyNotFoundException",
            Error::LifecyclePolicyNotFound { .. } => "LifecyclePolicyNotFoundException",
            Error::UnsupportedUpstream(_) => "UnsupportedUpstreamRegistryException",
            Error::SecretNotFound(_) => "SecretNotFoundException",
            Error::ScanNotFound { .. } => "ScanNotFoundException",
            Error::ImageArchived(_) => "ImageArchivedException",
            Error::BackfillNotFound(_) => "ReplicationBackfillNotFoundException",
            Error::BackfillEnded(_) => "ReplicationBackfillInvalidStatusException",
            Error::BackfillInProgress(_) => "ReplicationBackfillInProgressException",
            Error::TooManyBackfills(_) => "LimitExceededException",
            Error::UnsupportedImageType => "UnsupportedImageTypeException",
            Error::NoVulnerabilities => "ValidationException",
            Error::ExclusionExists(_) => "ExclusionAlreadyExistsException",
            Error::ExclusionNotFound(_) => "ExclusionNotFoundException",
            Error::TooManyExclusions(_) => "LimitExceededException",
            Error::Kms => "KmsException",
            Error::PreviewNotFound { .. } => "LifecyclePolicyPreviewNotFoundException",
        }
    }
}

fn registry_code(error: &RegistryError) -> &'static str {
    match error {
        RegistryError::RepositoryUnknown { .. } => "RepositoryNotFoundException",
        RegistryError::RepositoryExists { .. } => "RepositoryAlreadyExistsException",
        RegistryError::RepositoryNotEmpty { .. } => "RepositoryNotEmptyException",
        RegistryError::CacheRuleUnknown(_) => "PullThroughCacheRuleNotFoundException",
        RegistryError::CacheRuleExists(_) => "PullThroughCacheRuleAlreadyExistsException",
        RegistryError::TooManyCacheRules(_) => "LimitExceededException",
        RegistryError::Upstream(_) | RegistryError::PeerUnknown(_) | RegistryError::PeerRefused { .. } => {
            "ServerException"
        }
        RegistryError::TemplateUnknown(_) => "TemplateNotFoundException",
        RegistryError::TemplateExists(_) => "TemplateAlreadyExistsException",
        RegistryError::ManifestUnknown { .. } => "ImageNotFoundException",
        RegistryError::LayersMissing { .. } | RegistryError::BlobUnknown(_) => "LayersNotFoundException",
        RegistryError::ListedByIndex(_) => "ImageStorageClassUpdateNotSupportedException",
        RegistryError::ImagesMissing { .. } => "ReferencedImagesNotFoundException",
        RegistryError::TagImmutable { .. } => "ImageTagAlreadyExistsException",
        RegistryError::UploadUnknown(_) => "UploadNotFoundException",
        RegistryError::ChunkOutOfOrder { .. }
        | RegistryError::ChunkLength { .. }
        | RegistryError::UploadBusy
        | RegistryError::BodyBroken(_) => "InvalidLayerPartException",
        RegistryError::DigestMismatch { .. } => "InvalidLayerException",
        RegistryError::NameInvalid(_)
        | RegistryError::DigestMalformed(_)
        | RegistryError::TagMalformed(_)
        | RegistryError::TooManyTags(_)
        | RegistryError::RequestInvalid(_)
        | RegistryError::ManifestInvalid(_)
        | RegistryError::ManifestTooLarge(_) => "InvalidParameterException",
        RegistryError::Unauthenticated
        | RegistryError::TokenInvalid
        | RegistryError::TokenExpired
        | RegistryError::Denied { .. }
        | RegistryError::Unsupported => "AccessDeniedException",
        RegistryError::Contended | RegistryError::Store { .. } | RegistryError::Content { .. } => {
            "ServerException"
        }
    }
}

impl From<Error> for ServiceError {
    fn from(error: Error) -> ServiceError {
        let (code, message) = (error.code(), error.to_string());
        match error {
            Error::Registry(error) if error.fault() == Fault::Ours => {
                ServiceError::server(code, "The request failed due to a server-side issue", error)
            }
            Error::Registry(RegistryError::ManifestInvalid(why)) => ServiceError::client(
                code,
                format!("Invalid parameter at 'ImageManifest' failed to satisfy constraint: '{why}'"),
            ),
            Error::InvalidLayerPart { members, .. } => {
                ServiceError { extra: members, ..ServiceError::client(code, message) }
            }
            _caller => ServiceError::client(code, message),
        }
    }
}
