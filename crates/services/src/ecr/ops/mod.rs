//! One file for each operation, and what several of them share.

mod batch_check_layer_availability;
mod batch_delete_image;
mod batch_get_image;
mod complete_layer_upload;
mod create_repository;
mod delete_lifecycle_policy;
mod delete_registry_policy;
mod delete_repository;
mod delete_repository_policy;
mod describe_images;
mod describe_registry;
mod describe_repositories;
mod get_authorization_token;
mod get_download_url_for_layer;
mod get_lifecycle_policy;
mod get_lifecycle_policy_preview;
mod get_registry_policy;
mod get_repository_policy;
mod initiate_layer_upload;
mod list_image_referrers;
mod list_images;
mod list_tags_for_resource;
mod put_image;
mod put_image_scanning_configuration;
mod put_image_tag_mutability;
mod put_lifecycle_policy;
mod put_registry_policy;
mod set_repository_policy;
mod start_lifecycle_policy_preview;
mod tag_resource;
mod untag_resource;
mod upload_layer_part;

use std::time::Duration;

use model::ecr::RepositoryName;

use super::error::Error;
use crate::context::OpCtx;

/// The size of a layer part that clients are told to send.
const PART_SIZE: i64 = 10 << 20;
/// How long the address of a layer is good.
const LAYER_URL_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The refusal of an upload that is not there.
fn upload_unknown(ctx: &OpCtx, name: &RepositoryName, id: &str) -> Error {
    Error::UploadNotFound(format!(
        "The upload with id '{id}' does not exist in the repository with name '{name}' in the registry with id '{}'",
        ctx.scope.account
    ))
}

/// The refusal of a repository without policy.
fn repository_policy_missing(ctx: &OpCtx, name: &RepositoryName) -> Error {
    Error::RepositoryPolicyNotFound { name: name.to_string(), registry: ctx.scope.account.to_string() }
}

/// The refusal of a repository without lifecycle policy.
fn lifecycle_policy_missing(ctx: &OpCtx, name: &RepositoryName) -> Error {
    Error::LifecyclePolicyNotFound { name: name.to_string(), registry: ctx.scope.account.to_string() }
}
