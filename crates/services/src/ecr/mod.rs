//! ECR: repositories and images, over the registry that docker pushes to.
//!
//! The registry crate owns the tables and every rule about images; the room parses, asks it
//! and renders. What is not in the table answers that it is not supported.

pub(crate) mod door;
mod error;
mod gate;
mod ops;
mod page;
mod scanning;
mod template;
#[cfg(test)]
mod tests;
mod wire;

pub use gate::IamGate;

use ::wire::{Constraint, OperationModel, Violation};

use crate::error::ServiceError;
use crate::room::{Room, op};

/// The room.
pub static ROOM: Room = Room {
    service: ::wire::ecr::SERVICE,
    operations: &[
        op::<::wire::ecr::BatchCheckLayerAvailability>(),
        op::<::wire::ecr::BatchDeleteImage>(),
        op::<::wire::ecr::BatchGetImage>(),
        op::<::wire::ecr::BatchGetRepositoryScanningConfiguration>(),
        op::<::wire::ecr::CompleteLayerUpload>(),
        op::<::wire::ecr::CreatePullThroughCacheRule>(),
        op::<::wire::ecr::CreateRepository>(),
        op::<::wire::ecr::CreateRepositoryCreationTemplate>(),
        op::<::wire::ecr::DeleteLifecyclePolicy>(),
        op::<::wire::ecr::DeletePullThroughCacheRule>(),
        op::<::wire::ecr::DeleteRegistryPolicy>(),
        op::<::wire::ecr::DeleteRepository>(),
        op::<::wire::ecr::DeleteRepositoryCreationTemplate>(),
        op::<::wire::ecr::DeleteRepositoryPolicy>(),
        op::<::wire::ecr::DeregisterPullTimeUpdateExclusion>(),
        op::<::wire::ecr::DescribeImageReplicationStatus>(),
        op::<::wire::ecr::DescribeImageScanFindings>(),
        op::<::wire::ecr::DescribeImages>(),
        op::<::wire::ecr::DescribePullThroughCacheRules>(),
        op::<::wire::ecr::DescribeRegistry>(),
        op::<::wire::ecr::DescribeReplicationBackfillResults>(),
        op::<::wire::ecr::DescribeRepositories>(),
        op::<::wire::ecr::DescribeRepositoryCreationTemplates>(),
        op::<::wire::ecr::GetAccountSetting>(),
        op::<::wire::ecr::GetAuthorizationToken>(),
        op::<::wire::ecr::GetDownloadUrlForLayer>(),
        op::<::wire::ecr::GetLifecyclePolicy>(),
        op::<::wire::ecr::GetLifecyclePolicyPreview>(),
        op::<::wire::ecr::GetRegistryPolicy>(),
        op::<::wire::ecr::GetRegistryScanningConfiguration>(),
        op::<::wire::ecr::GetRepositoryPolicy>(),
        op::<::wire::ecr::InitiateLayerUpload>(),
        op::<::wire::ecr::ListImageReferrers>(),
        op::<::wire::ecr::ListImages>(),
        op::<::wire::ecr::ListPullTimeUpdateExclusions>(),
        op::<::wire::ecr::ListReplicationBackfills>(),
        op::<::wire::ecr::ListTagsForResource>(),
        op::<::wire::ecr::PutAccountSetting>(),
        op::<::wire::ecr::PutImage>(),
        op::<::wire::ecr::PutImageScanningConfiguration>(),
        op::<::wire::ecr::PutImageTagMutability>(),
        op::<::wire::ecr::PutLifecyclePolicy>(),
        op::<::wire::ecr::PutRegistryPolicy>(),
        op::<::wire::ecr::PutRegistryScanningConfiguration>(),
        op::<::wire::ecr::PutReplicationConfiguration>(),
        op::<::wire::ecr::RegisterPullTimeUpdateExclusion>(),
        op::<::wire::ecr::SetRepositoryPolicy>(),
        op::<::wire::ecr::StartImageScan>(),
        op::<::wire::ecr::StartLifecyclePolicyPreview>(),
        op::<::wire::ecr::StartReplicationBackfill>(),
        op::<::wire::ecr::StopReplicationBackfill>(),
        op::<::wire::ecr::TagResource>(),
        op::<::wire::ecr::UntagResource>(),
        op::<::wire::ecr::UpdateImageStorageClass>(),
        op::<::wire::ecr::UpdatePullThroughCacheRule>(),
        op::<::wire::ecr::UpdateRepositoryCreationTemplate>(),
        op::<::wire::ecr::UploadLayerPart>(),
        op::<::wire::ecr::ValidatePullThroughCacheRule>(),
    ],
    violation,
    unsupported,
};

/// ECR names the first parameter at fault.
fn violation(_: &OperationModel, violations: &[Violation]) -> Option<ServiceError> {
    // Lists of digests and image ids answer per entry, as `failures`.
    let answered_per_entry = |violation: &&Violation| {
        !(violation.path.starts_with("layerDigests[") || violation.path.starts_with("imageIds["))
    };
    let first = violations.iter().find(answered_per_entry)?;
    let constraint = match &first.constraint {
        Constraint::Pattern(_) if first.path == "repositoryName" => wire::name_constraint(),
        Constraint::Pattern(pattern) => format!("must satisfy regular expression '{pattern}'"),
        other => other.to_string(),
    };
    Some(ServiceError::client(
        "InvalidParameterException",
        format!("Invalid parameter at '{}' failed to satisfy constraint: '{constraint}'", first.path),
    ))
}

/// ECR has no error of its own for this; SDKs know the common one.
fn unsupported(operation: &str) -> ServiceError {
    ServiceError::client(
        "UnsupportedOperationException",
        format!("The operation {operation} is not supported by Longshore yet."),
    )
}
