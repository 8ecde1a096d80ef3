//! RunTask's request, parsed.

use model::ecs::TextEnum;
use model::ecs::cluster::Cluster;
use model::ecs::task::{AwsvpcConfiguration, LaunchType};
use model::ecs::volume::Switch;
use wire::ecs as shape;

use super::instance::read_wishes;
use super::task::read_overrides;
use crate::ecs::error::Error;
use crate::ecs::rules::launch::Launch;
use crate::ecs::rules::{cluster as cluster_rules, tag};

/// The most tasks of one call.
const MAX_COUNT: i32 = 10;
/// The most subnets of an interface.
const MAX_SUBNETS: usize = 16;
/// The most security groups of an interface.
const MAX_SECURITY_GROUPS: usize = 5;
/// The longest `startedBy`.
const MAX_STARTED_BY: usize = 128;
/// The longest idempotency token.
const MAX_TOKEN: usize = 64;

/// Reads the request.
pub(crate) fn read(input: shape::RunTaskRequest, cluster: &Cluster) -> Result<Launch, Error> {
    refuse_unserved(&input)?;
    let count = input.count.unwrap_or(1);
    if !(1..=MAX_COUNT).contains(&count) {
        return Err(invalid("Tasks count must be between 1 and 10."));
    }
    let launch_type = input.launch_type.as_deref().map(|raw| {
        LaunchType::parse(raw).ok_or_else(|| invalid("Launch type must be one of [EC2, FARGATE, EXTERNAL]."))
    });
    let (propagate_definition_tags, managed_tags) =
        (propagate(input.propagate_tags.as_deref())?, input.enable_ecs_managed_tags.unwrap_or(false));
    Ok(Launch {
        count: usize::try_from(count).unwrap_or_default(),
        launch_type: launch_type.transpose()?,
        strategy: cluster_rules::strategy(
            input.capacity_provider_strategy.unwrap_or_default(),
            &cluster.capacity_providers,
        )?,
        platform_version: input.platform_version,
        network: input.network_configuration.and_then(|n| n.awsvpc_configuration).map(network).transpose()?,
        wishes: read_wishes(input.placement_constraints, input.placement_strategy)?,
        overrides: input.overrides.map(read_overrides).transpose()?.unwrap_or_default(),
        group: input.group.filter(|group| !group.is_empty()).map(group).transpose()?,
        started_by: bounded("startedBy", input.started_by, MAX_STARTED_BY)?,
        tags: tag::read(input.tags)?,
        propagate_definition_tags,
        execute_command: input.enable_execute_command.unwrap_or(false),
        connects: false,
        managed_tags,
        client_token: bounded("clientToken", input.client_token, MAX_TOKEN)?,
        service: None,
    })
}

fn invalid(text: &str) -> Error {
    Error::InvalidParameter(text.to_owned())
}

/// What ECS has and Longshore does not act on is refused, not stored.
fn refuse_unserved(input: &shape::RunTaskRequest) -> Result<(), Error> {
    if input.volume_configurations.as_ref().is_some_and(|all| !all.is_empty()) {
        return Err(Error::UnsupportedFeature(
            "Volumes that are configured at launch are not supported.".into(),
        ));
    }
    Ok(())
}

fn propagate(raw: Option<&str>) -> Result<bool, Error> {
    match raw {
        None | Some("" | "NONE") => Ok(false),
        Some("TASK_DEFINITION") => Ok(true),
        Some("SERVICE") => Err(invalid("Tags can be propagated from a service only by CreateService.")),
        Some(_) => Err(invalid("propagateTags must be one of [TASK_DEFINITION, SERVICE, NONE].")),
    }
}

/// Deviation: `assignPublicIp` ENABLED is taken, and the task has no public address: it reaches the outside through
/// the machine's own address, as it would through a public one.
pub(crate) fn network(shape: shape::AwsVpcConfiguration) -> Result<AwsvpcConfiguration, Error> {
    if shape.subnets.is_empty() {
        return Err(invalid("subnets can not be empty."));
    }
    if shape.subnets.len() > MAX_SUBNETS {
        return Err(invalid("subnets can have at most 16 items."));
    }
    let security_groups = shape.security_groups.unwrap_or_default();
    if security_groups.len() > MAX_SECURITY_GROUPS {
        return Err(invalid("securityGroups can have at most 5 items."));
    }
    let assign_public_ip = shape.assign_public_ip.as_deref().map(|raw| {
        Switch::parse(raw).ok_or_else(|| invalid("assignPublicIp must be one of [ENABLED, DISABLED]."))
    });
    Ok(AwsvpcConfiguration {
        subnets: shape.subnets,
        security_groups,
        assign_public_ip: assign_public_ip.transpose()?,
    })
}

fn group(raw: String) -> Result<String, Error> {
    if raw.starts_with("service:") || raw.starts_with("family:") {
        return Err(invalid("Invalid group name: the prefixes 'service:' and 'family:' are reserved."));
    }
    if raw.len() > 255 {
        return Err(invalid("Group name must be at most 255 characters long."));
    }
    Ok(raw)
}

/// Refuses text that is too long; empty text is none.
pub(crate) fn bounded(name: &str, raw: Option<String>, limit: usize) -> Result<Option<String>, Error> {
    match raw {
        Some(text) if text.chars().count() > limit => {
            Err(invalid(&format!("{name} must be at most {limit} characters long.")))
        }
        raw => Ok(raw.filter(|text| !text.is_empty())),
    }
}
