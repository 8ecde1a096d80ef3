//! One file an operation.

pub(crate) mod continue_service_deployment;
mod create_cluster;
pub(crate) mod create_service;
pub(crate) mod create_task_set;
pub(crate) mod delete_account_setting;
pub(crate) mod delete_attributes;
pub(crate) mod delete_cluster;
pub(crate) mod delete_service;
pub(crate) mod delete_task_definitions;
pub(crate) mod delete_task_set;
pub(crate) mod deregister_container_instance;
pub(crate) mod deregister_task_definition;
pub(crate) mod describe_capacity_providers;
pub(crate) mod describe_clusters;
pub(crate) mod describe_container_instances;
pub(crate) mod describe_service_deployments;
pub(crate) mod describe_service_revisions;
pub(crate) mod describe_services;
pub(crate) mod describe_task_definition;
pub(crate) mod describe_task_sets;
pub(crate) mod describe_tasks;
pub(crate) mod execute_command;
pub(crate) mod get_task_protection;
pub(crate) mod list_account_settings;
pub(crate) mod list_attributes;
pub(crate) mod list_clusters;
pub(crate) mod list_container_instances;
pub(crate) mod list_service_deployments;
pub(crate) mod list_services;
pub(crate) mod list_services_by_namespace;
pub(crate) mod list_tags_for_resource;
pub(crate) mod list_task_definition_families;
pub(crate) mod list_task_definitions;
pub(crate) mod list_tasks;
pub(crate) mod put_account_setting;
pub(crate) mod put_account_setting_default;
pub(crate) mod put_attributes;
pub(crate) mod put_cluster_capacity_providers;
pub(crate) mod register_task_definition;
pub(crate) mod run_task;
pub(crate) mod start_task;
pub(crate) mod stop_service_deployment;
pub(crate) mod stop_task;
pub(crate) mod tag_resource;
pub(crate) mod untag_resource;
pub(crate) mod update_cluster;
pub(crate) mod update_cluster_settings;
pub(crate) mod update_container_instances_state;
pub(crate) mod update_service;
pub(crate) mod update_service_primary_task_set;
pub(crate) mod update_task_protection;
pub(crate) mod update_task_set;

use wire::ecs as shape;

use crate::context::OpCtx;

/// The ARN of the cluster that a request names, for authorisation; `*` when it names none rightly.
pub(crate) fn cluster_resource(ctx: &OpCtx, raw: Option<&str>) -> String {
    match super::rules::identifier::cluster(raw, &ctx.scope) {
        Ok(name) => name.arn(&ctx.scope).to_string(),
        Err(_) => raw.filter(|raw| raw.starts_with("arn:")).unwrap_or("*").to_owned(),
    }
}

/// The ARN of a container instance that a request names, for authorisation; `*` when it names none rightly.
pub(crate) fn instance_resource(ctx: &OpCtx, cluster: Option<&str>, raw: &str) -> String {
    let cluster = super::rules::identifier::cluster(cluster, &ctx.scope).ok();
    let found = cluster.and_then(|cluster| {
        let id = super::rules::identifier::container_instance(raw, &ctx.scope, &cluster).ok().flatten()?;
        Some(id.arn(&ctx.scope, &cluster).to_string())
    });
    found.unwrap_or_else(|| Some(raw).filter(|raw| raw.starts_with("arn:")).unwrap_or("*").to_owned())
}

/// The ARN of the service that a request names, for authorisation; `*` when it names none rightly.
pub(crate) fn service_resource(ctx: &OpCtx, cluster: Option<&str>, raw: &str) -> String {
    let named = super::rules::identifier::cluster(cluster, &ctx.scope).ok().and_then(|cluster| {
        let name = super::rules::identifier::service(raw, &ctx.scope, &cluster).ok().flatten()?;
        Some(name.arn(&ctx.scope, &cluster).to_string())
    });
    named.unwrap_or_else(|| if raw.starts_with("arn:") { raw.to_owned() } else { "*".to_owned() })
}

/// An entry of `failures` for something that does not exist.
pub(crate) fn missing(arn: impl ToString) -> shape::Failure {
    shape::Failure { arn: Some(arn.to_string()), reason: Some("MISSING".to_owned()), detail: None }
}
