//! One file for each operation, and what several of them share.

mod batch_check_layer_availability;
mod batch_delete_image;
mod batch_get_image;
mod batch_get_repository_scanning_configuration;
mod complete_layer_upload;
mod create_pull_through_cache_rule;
mod create_repository;
mod create_repository_creation_template;
mod delete_lifecycle_policy;
mod delete_pull_through_cache_rule;
mod delete_registry_policy;
mod delete_repository;
mod delete_repository_creation_template;
mod delete_repository_policy;
mod deregister_pull_time_update_exclusion;
mod describe_image_replication_status;
mod describe_image_scan_findings;
mod describe_images;
mod describe_pull_through_cache_rules;
mod describe_registry;
mod describe_replication_backfill_results;
mod describe_repositories;
mod describe_repository_creation_templates;
mod get_account_setting;
mod get_authorization_token;
mod get_download_url_for_layer;
mod get_lifecycle_policy;
mod get_lifecycle_policy_preview;
mod get_registry_policy;
mod get_registry_scanning_configuration;
mod get_repository_policy;
mod initiate_layer_upload;
mod list_image_referrers;
mod list_images;
mod list_pull_time_update_exclusions;
mod list_replication_backfills;
mod list_tags_for_resource;
mod put_account_setting;
mod put_image;
mod put_image_scanning_configuration;
mod put_image_tag_mutability;
mod put_lifecycle_policy;
mod put_registry_policy;
mod put_registry_scanning_configuration;
mod put_replication_configuration;
mod register_pull_time_update_exclusion;
mod set_repository_policy;
mod start_image_scan;
mod start_lifecycle_policy_preview;
mod start_replication_backfill;
mod stop_replication_backfill;
mod tag_resource;
mod untag_resource;
mod update_image_storage_class;
mod update_pull_through_cache_rule;
mod update_repository_creation_template;
mod upload_layer_part;
mod validate_pull_through_cache_rule;

use std::time::Duration;

use model::ecr::{ImageTag, RepositoryName};
use registry::tables::{Backfill, Image, Repository};
use store::Versioned;
use wire::ecr as shapes;

use super::error::Error;
use super::wire as parse;
use super::wire::ImageId;
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

/// An image that one request is about, as it was asked for.
struct NamedImage {
    repository: Versioned<Repository>,
    image: Versioned<Image>,
    /// The tag, if it was asked for by tag.
    tag: Option<ImageTag>,
}

impl NamedImage {
    /// Finds the image that `id` names; tag and digest must agree.
    fn find(
        ctx: &OpCtx,
        registry_id: Option<&String>,
        repository: &str,
        id: &shapes::ImageIdentifier,
    ) -> Result<Self, Error> {
        let name = parse::repository_name(ctx, registry_id, repository)?;
        let registry = &ctx.cloud.registry;
        let repository = registry.repository(&ctx.scope, &name)?;
        let refused = |failed: parse::ImageFailed| Error::parameter("imageId", failed.reason);
        let id = ImageId::parse(id).map_err(refused)?;
        let image = registry.image(&repository, &id.reference())?;
        id.agrees(&image).map_err(refused)?;
        Ok(NamedImage { repository, image, tag: id.tag })
    }

    /// The identifier of an answer.
    fn id(&self) -> shapes::ImageIdentifier {
        parse::identifier(&self.image.digest, self.tag.as_ref())
    }
}

/// The backfill of that id.
fn backfill_named(ctx: &OpCtx, id: &str) -> Result<Versioned<Backfill>, Error> {
    let known = ctx.cloud.registry.backfills(&ctx.scope).into_iter().find(|row| row.id == id);
    known.ok_or_else(|| Error::BackfillNotFound(id.to_owned()))
}

/// The refusal of a repository without policy.
fn repository_policy_missing(ctx: &OpCtx, name: &RepositoryName) -> Error {
    Error::RepositoryPolicyNotFound { name: name.to_string(), registry: ctx.scope.account.to_string() }
}

/// The refusal of a repository without lifecycle policy.
fn lifecycle_policy_missing(ctx: &OpCtx, name: &RepositoryName) -> Error {
    Error::LifecyclePolicyNotFound { name: name.to_string(), registry: ctx.scope.account.to_string() }
}

/// A setting of the registry, and its values; the first is the default.
struct AccountSetting {
    name: &'static str,
    values: &'static [&'static str],
}

/// The setting of that name.
fn account_setting(name: &str) -> Result<&'static AccountSetting, Error> {
    static SETTINGS: [AccountSetting; 3] = [
        AccountSetting { name: "BASIC_SCAN_TYPE_VERSION", values: &["AWS_NATIVE"] },
        AccountSetting { name: "BLOB_MOUNTING", values: &["ENABLED", "DISABLED"] },
        AccountSetting { name: "REGISTRY_POLICY_SCOPE", values: &["V2"] },
    ];
    let names = || SETTINGS.iter().map(|setting| setting.name).collect::<Vec<_>>().join(", ");
    SETTINGS
        .iter()
        .find(|setting| setting.name == name)
        .ok_or_else(|| Error::parameter("name", format!("Member must satisfy enum value set: [{}]", names())))
}
