//! Generated shapes to and from the registry's nouns. Raw strings end here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use auth::policy::{Document, Kind};
use model::ecr::{Digest, ExclusionFilter, ImageTag, Mutability, RepositoryName, TagMutability};
use model::{AccountId, Region};
use registry::lifecycle::Policy;
use registry::tables::{
    Backfill, BackfillItem, BackfillState, Destination, Encryption, Image, ReplicaState, Repository,
};
use registry::{Reference, StorageClass};
use wire::ecr as shapes;

use super::error::Error;
use crate::access::Access;
use crate::context::OpCtx;

/// The most tags of a resource.
const MAX_TAGS: usize = 50;

/// What ECR says of a malformed repository name.
pub(super) fn name_constraint() -> String {
    format!("must satisfy regular expression '{}'", RepositoryName::PATTERN)
}

/// Access to one repository.
pub(super) fn access(ctx: &OpCtx, action: &'static str, repository: &str) -> Access {
    Access::new(action, ctx.arn("ecr", format!("repository/{repository}")))
}

/// A repository of the caller's registry: another registry's is not found.
pub(super) fn repository_name(
    ctx: &OpCtx,
    registry_id: Option<&String>,
    name: &str,
) -> Result<RepositoryName, Error> {
    let parsed = name.parse().map_err(|_| Error::parameter("repositoryName", name_constraint()))?;
    match registry_id {
        Some(id) if *id != ctx.scope.account.as_str() => {
            let registry = model::AccountId::new(id.as_str())
                .map_err(|_| Error::parameter("registryId", "must satisfy regular expression '[0-9]{12}'"))?;
            Err(registry::Error::RepositoryUnknown { name: name.to_owned(), registry }.into())
        }
        Some(_) | None => Ok(parsed),
    }
}

/// A registry that copies go to: of this account, or of a Longshore that the operator has named.
pub(super) fn destination_given(
    ctx: &OpCtx,
    parameter: &'static str,
    given: &shapes::ReplicationDestination,
) -> Result<Destination, Error> {
    let registry = AccountId::new(given.registry_id.as_str())
        .map_err(|_| Error::parameter(parameter, "registryId must satisfy regular expression '[0-9]{12}'"))?;
    let region =
        Region::new(given.region.as_str()).map_err(|_| Error::parameter(parameter, "a malformed region"))?;
    if registry != ctx.scope.account && !ctx.cloud.registry.has_peer(&registry) {
        let why = format!("no registry with id '{registry}' is known here (--registry-peer names them)");
        return Err(Error::parameter(parameter, why));
    }
    let registry = (registry != ctx.scope.account).then_some(registry);
    Ok(Destination { registry, region })
}

/// A registry that copies go to.
pub(super) fn destination(ctx: &OpCtx, row: &Destination) -> shapes::ReplicationDestination {
    let registry = row.registry.as_ref().unwrap_or(&ctx.scope.account);
    shapes::ReplicationDestination { region: row.region.to_string(), registry_id: registry.to_string() }
}

/// A backfill's status as ECR names it.
pub(super) fn backfill_status(state: BackfillState) -> &'static str {
    match state {
        BackfillState::Preparing => "PREPARING",
        BackfillState::InProgress => "IN_PROGRESS",
        BackfillState::Complete => "COMPLETE",
        BackfillState::Stopped => "STOPPED",
    }
}

/// How far a backfill is; nothing before it is known what there is to copy. Each tag counts.
pub(super) fn backfill_progress(
    row: &Backfill,
    items: &[impl Deref<Target = BackfillItem>],
) -> Option<shapes::ReplicationBackfillProgress> {
    let count = |state: Option<ReplicaState>| {
        let meant = items.iter().filter(|item| state.is_none_or(|state| item.state == state));
        let total: usize = meant.map(|item| item.tags.len().max(1)).sum();
        i32::try_from(total).unwrap_or(i32::MAX)
    };
    let codes: BTreeSet<&String> = items.iter().filter_map(|item| item.failure.as_ref()).collect();
    row.is_prepared.then(|| shapes::ReplicationBackfillProgress {
        total_replication_count: count(None),
        completed_replication_count: count(Some(ReplicaState::Complete)),
        failed_replication_count: count(Some(ReplicaState::Failed)),
        failure_codes: codes.into_iter().cloned().collect(),
    })
}

/// Refuses another registry than the caller's.
pub(super) fn own_registry(ctx: &OpCtx, registry_id: Option<&String>) -> Result<(), Error> {
    match registry_id {
        Some(id) if *id != ctx.scope.account.as_str() => {
            Err(Error::parameter("registryId", "only the caller's own registry is served"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Refuses credentials for other registries: there are no secrets that could hold them.
pub(super) fn no_credentials(secret: Option<&String>, role: Option<&String>) -> Result<(), Error> {
    if let Some(arn) = secret {
        return Err(Error::SecretNotFound(arn.clone()));
    }
    match role {
        Some(_) => Err(Error::parameter("customRoleArn", "roles for upstream registries are not supported")),
        None => Ok(()),
    }
}

/// The repository that an ARN names.
pub(super) fn repository_of_arn(ctx: &OpCtx, arn: &str) -> Result<RepositoryName, Error> {
    let invalid = || Error::parameter("resourceArn", "Invalid ARN");
    let parsed: model::Arn = arn.parse().map_err(|_| invalid())?;
    let name = parsed.resource.strip_prefix("repository/").ok_or_else(invalid)?;
    if !parsed.is_in("ecr", &ctx.scope) {
        return Err(invalid());
    }
    name.parse().map_err(|_| invalid())
}

/// How a repository treats its tags.
pub(super) fn mutability(
    mode: Option<&String>,
    filters: Option<&Vec<shapes::ImageTagMutabilityExclusionFilter>>,
) -> Result<TagMutability, Error> {
    let mode = match mode {
        None => Mutability::default(),
        Some(raw) => Mutability::named(raw).ok_or_else(|| {
            let names = Mutability::ALL.map(Mutability::as_str).join(", ");
            Error::parameter("imageTagMutability", format!("Member must satisfy enum value set: [{names}]"))
        })?,
    };
    let refused = |why: &str| Error::parameter("imageTagMutabilityExclusionFilters", why);
    let filters = filters.map(Vec::as_slice).unwrap_or_default();
    if filters.len() > ExclusionFilter::MAX_PER_REPOSITORY {
        return Err(refused("Member must have length less than or equal to 5"));
    }
    if mode.takes_filters() == filters.is_empty() {
        return Err(refused(if filters.is_empty() {
            "exclusion filters are required for this image tag mutability"
        } else {
            "exclusion filters are allowed only for IMMUTABLE_WITH_EXCLUSION and MUTABLE_WITH_EXCLUSION"
        }));
    }
    let parse = |filter: &shapes::ImageTagMutabilityExclusionFilter| {
        let known = filter.filter_type == "WILDCARD";
        let parsed = ExclusionFilter::new(&filter.filter).filter(|_| known);
        parsed.ok_or_else(|| {
            refused("must satisfy regular expression '^[0-9a-zA-Z._*-]{1,128}$' with at most 2 wildcards")
        })
    };
    Ok(TagMutability { mode, exclusions: filters.iter().map(parse).collect::<Result<_, _>>()? })
}

/// The exceptions of a repository's mutability, when it has any.
pub(super) fn exclusions(
    mutability: &TagMutability,
) -> Option<Vec<shapes::ImageTagMutabilityExclusionFilter>> {
    let shape = |filter: &ExclusionFilter| shapes::ImageTagMutabilityExclusionFilter {
        filter_type: "WILDCARD".into(),
        filter: filter.as_str().to_owned(),
    };
    (!mutability.exclusions.is_empty()).then(|| mutability.exclusions.iter().map(shape).collect())
}

/// How a repository is encrypted: at rest as the disk below is, which ECR's AES256 amounts to.
pub(super) fn encryption(given: Option<shapes::EncryptionConfiguration>) -> Result<Encryption, Error> {
    match given {
        Some(given) if given.encryption_type != "AES256" => Err(Error::Kms),
        Some(shapes::EncryptionConfiguration { kms_key: Some(_), .. }) => Err(Error::parameter(
            "encryptionConfiguration",
            "KmsKey cannot be specified with encryption type AES256",
        )),
        Some(_) | None => Ok(Encryption::default()),
    }
}

/// Tags as a map; refused when they break the rules of tags.
pub(super) fn tags(given: Option<Vec<shapes::Tag>>) -> Result<BTreeMap<String, String>, Error> {
    let mut tags = BTreeMap::new();
    for shapes::Tag { key, value } in given.unwrap_or_default() {
        if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
            return Err(Error::InvalidTag("An invalid parameter has been specified. Tag keys have 1 to 128 characters, values up to 256.".into()));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::InvalidTag(
                "An invalid parameter has been specified. Tag keys can't start with aws:.".into(),
            ));
        }
        if tags.insert(key, value).is_some() {
            return Err(Error::InvalidTag(
                "An invalid parameter has been specified. Tag keys must be unique.".into(),
            ));
        }
    }
    within_limit(&tags)?;
    Ok(tags)
}

/// Refuses more tags than a resource may have.
pub(super) fn within_limit(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if tags.len() > MAX_TAGS { Err(Error::TooManyTags(MAX_TAGS)) } else { Ok(()) }
}

/// A map of tags as a list.
pub(super) fn tag_list(tags: &BTreeMap<String, String>) -> Vec<shapes::Tag> {
    tags.iter().map(|(key, value)| shapes::Tag { key: key.clone(), value: value.clone() }).collect()
}

/// A repository as ECR shows it.
pub(super) fn repository(ctx: &OpCtx, row: &Repository) -> shapes::Repository {
    shapes::Repository {
        repository_arn: Some(row.arn().to_string()),
        registry_id: Some(row.scope.account.to_string()),
        repository_name: Some(row.name.to_string()),
        repository_uri: Some(format!("{}/{}", ctx.cloud.settings.registry_host, row.name)),
        created_at: Some(row.created_at.as_millis()),
        image_tag_mutability: Some(row.mutability.mode.as_str().to_owned()),
        image_tag_mutability_exclusion_filters: exclusions(&row.mutability),
        image_scanning_configuration: Some(scanning(row)),
        encryption_configuration: Some(shapes::EncryptionConfiguration {
            encryption_type: row.encryption.kind.clone(),
            kms_key: row.encryption.kms_key.clone(),
        }),
    }
}

/// A repository's scanning configuration.
pub(super) fn scanning(row: &Repository) -> shapes::ImageScanningConfiguration {
    shapes::ImageScanningConfiguration { scan_on_push: Some(row.scan_on_push) }
}

/// Refuses what has not the form of a policy.
pub(super) fn policy(parameter: &'static str, text: &str) -> Result<(), Error> {
    let invalid = || Error::parameter(parameter, "Invalid repository policy provided");
    Document::parse_as(Kind::Resource, text).map(drop).map_err(|_| invalid())
}

/// Reads a lifecycle policy.
pub(super) fn lifecycle(text: &str) -> Result<Policy, Error> {
    Policy::parse(text).map_err(|error| Error::parameter("LifecyclePolicyText", error.to_string()))
}

/// A layer's digest.
pub(super) fn layer_digest(raw: &str) -> Result<Digest, Error> {
    raw.parse().map_err(|_| {
        Error::parameter("layerDigest", "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'")
    })
}

/// The failure of one image of a batch.
#[derive(Debug)]
pub(super) struct ImageFailed {
    /// ECR's code.
    pub(super) code: &'static str,
    /// ECR's reason.
    pub(super) reason: String,
}

impl ImageFailed {
    pub(super) fn new(code: &'static str, reason: impl Into<String>) -> Self {
        ImageFailed { code, reason: reason.into() }
    }

    /// The image is not there.
    pub(super) fn not_found() -> Self {
        ImageFailed::new("ImageNotFound", "Requested image not found")
    }

    /// The image is not to be pulled.
    pub(super) fn archived() -> Self {
        ImageFailed::new("ImageInaccessible", "Requested image is archived")
    }

    /// The failure of the image that was asked for as `id`.
    pub(super) fn of(self, id: &shapes::ImageIdentifier) -> shapes::ImageFailure {
        shapes::ImageFailure {
            image_id: Some(id.clone()),
            failure_code: Some(self.code.to_owned()),
            failure_reason: Some(self.reason),
        }
    }
}

/// How one image of a batch is asked for: by digest, by tag, or by both which must agree.
#[derive(Clone, Debug)]
pub(super) struct ImageId {
    /// The digest.
    pub(super) digest: Option<Digest>,
    /// The tag.
    pub(super) tag: Option<ImageTag>,
}

impl ImageId {
    /// Reads an identifier.
    pub(super) fn parse(id: &shapes::ImageIdentifier) -> Result<Self, ImageFailed> {
        let digest = id.image_digest.as_deref().map(str::parse).transpose().map_err(|_| {
            ImageFailed::new(
                "InvalidImageDigest",
                "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
            )
        })?;
        let tag = id.image_tag.as_deref().map(str::parse).transpose().map_err(|_| {
            ImageFailed::new("InvalidImageTag", "Invalid request parameters: image tag is malformed")
        })?;
        if digest.is_none() && tag.is_none() {
            let reason = "Invalid request parameters: both tag and digest cannot be null";
            return Err(ImageFailed::new("MissingDigestAndTag", reason));
        }
        Ok(ImageId { digest, tag })
    }

    /// The reference to look up: the tag where there is one, since the digest is then checked.
    pub(super) fn reference(&self) -> Reference {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Reference::Tag(tag.clone()),
            (None, Some(digest)) => Reference::Digest(digest.clone()),
            (None, None) => unreachable!("the constructor refuses an empty identifier"),
        }
    }

    /// Whether the image that the tag led to is the one that the digest names.
    pub(super) fn agrees(&self, image: &Image) -> Result<(), ImageFailed> {
        match &self.digest {
            Some(digest) if *digest != image.digest => Err(ImageFailed::new(
                "ImageTagDoesNotMatchDigest",
                "Requested image tag and digest do not refer to the same image",
            )),
            Some(_) | None => Ok(()),
        }
    }
}

/// An identifier as ECR shows it.
pub(super) fn identifier(digest: &Digest, tag: Option<&ImageTag>) -> shapes::ImageIdentifier {
    shapes::ImageIdentifier {
        image_digest: Some(digest.to_string()),
        image_tag: tag.map(ImageTag::to_string),
    }
}

/// The images that a list shows: by tags, and by where they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ImageFilter {
    tags: TagStatus,
    /// `None` shows every class.
    storage: Option<StorageClass>,
}

impl ImageFilter {
    /// Reads a filter; without a word on it, archived images are not shown.
    pub(super) fn parse(tags: Option<&String>, status: Option<&String>) -> Self {
        let storage = match status.map(String::as_str) {
            Some("ANY") => None,
            Some("ARCHIVED") => Some(StorageClass::Archive),
            // No image is ever on its way back for longer than the request.
            _active => Some(StorageClass::Standard),
        };
        ImageFilter { tags: TagStatus::parse(tags), storage }
    }

    /// Whether an image passes.
    pub(super) fn passes(self, image: &Image, is_tagged: bool) -> bool {
        self.tags.passes(is_tagged) && self.storage.is_none_or(|storage| storage == image.storage)
    }
}

/// An image's status, as its storage class has it.
pub(super) fn image_status(storage: StorageClass) -> &'static str {
    match storage {
        StorageClass::Standard => "ACTIVE",
        StorageClass::Archive => "ARCHIVED",
    }
}

/// A storage class as ECR names it.
pub(super) fn storage_class(storage: StorageClass) -> &'static str {
    match storage {
        StorageClass::Standard => "STANDARD",
        StorageClass::Archive => "ARCHIVE",
    }
}

/// Which images a filter of tags lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TagStatus {
    Any,
    Tagged,
    Untagged,
}

impl TagStatus {
    /// Reads a filter's value; the model's enum was checked with the input.
    pub(super) fn parse(raw: Option<&String>) -> Self {
        match raw.map(String::as_str) {
            Some("TAGGED") => TagStatus::Tagged,
            Some("UNTAGGED") => TagStatus::Untagged,
            _any => TagStatus::Any,
        }
    }

    /// Whether an image with or without tags passes.
    pub(super) fn passes(self, is_tagged: bool) -> bool {
        match self {
            TagStatus::Any => true,
            TagStatus::Tagged => is_tagged,
            TagStatus::Untagged => !is_tagged,
        }
    }
}
