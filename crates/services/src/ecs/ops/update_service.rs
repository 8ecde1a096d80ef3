//! UpdateService: changes what is wanted. What the tasks are made from starts a new deployment.
//!
//! Which members start one is written in ECS's API reference, "UpdateService". A deployment that is under way is
//! overtaken by the new one.

use model::ecs::Service;
use model::ecs::cluster::Cluster;
use model::ecs::service::{DeploymentControllerType, SchedulingStrategy, ServiceStatus};
use model::ecs::service_revision::RevisionSpec;
use model::ecs::task::LaunchType;
use model::ecs::task_definition::TaskDefinitionStatus;
use model::ecs::text::TextEnum;
use model::ecs::volume::Switch;
use store::{Snapshot, Txn, Versioned};
use wire::ecs as shape;

use super::describe_task_definition::find;
use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::{passing_balancers, with_definition, with_network, with_providers};
use crate::ecs::connect;
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, service_resource};
use crate::ecs::registries;
use crate::ecs::revising;
use crate::ecs::rollover::roll_over;
use crate::ecs::rules::service::{self as rules, some};
use crate::ecs::rules::{cluster as cluster_rules, identifier};
use crate::ecs::service_view;
use crate::ecs::store::{ServiceRow, active_cluster, service, service_revision, task_definition};
use crate::ecs::wire::instance::read_wishes;
use crate::ecs::wire::launch::network;
use crate::ecs::wire::{deployment, service as read};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::UpdateService {
    fn access(ctx: &OpCtx, input: &shape::UpdateServiceRequest) -> Access {
        let cluster = input.cluster.as_deref();
        let access = Access::new("ecs:UpdateService", service_resource(ctx, cluster, &input.service))
            .with("ecs:cluster", cluster_resource(ctx, cluster));
        let access = input
            .enable_execute_command
            .iter()
            .fold(access, |access, enabled| access.with("ecs:enable-execute-command", enabled));
        let access = with_network(access, input.network_configuration.as_ref());
        let access = passing_balancers(access, input.load_balancers.as_deref());
        let access = with_providers(access, input.capacity_provider_strategy.as_deref());
        with_definition(ctx, access, input.task_definition.as_deref())
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::UpdateServiceRequest,
    ) -> Result<shape::UpdateServiceResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let cluster_name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        let cluster = active_cluster(&snapshot, &ctx.scope, &cluster_name)?;
        let name = identifier::service(&input.service, &ctx.scope, &cluster_name)?;
        let found = name.and_then(|name| service(&snapshot, &ctx.scope, &cluster_name, &name));
        let found = found.ok_or(Error::ServiceNotFound)?;
        if found.status != ServiceStatus::Active {
            return Err(Error::ServiceNotActive.into());
        }
        refuse_unserved(&input, found.spec.controller)?;
        if found.spec.controller == DeploymentControllerType::External {
            return update_external(ctx, &input, &found).await;
        }
        let before = service_revision(&snapshot, &found, &found.primary().id);
        let before = before.map(|row| row.row.0.spec.clone()).ok_or(Error::ServiceNotFound)?;
        let mut next = Service::clone(&found);
        let mut revision = revision(ctx, &snapshot, &input, &cluster, &before)?;
        let connected = connect::update(ctx, &snapshot, Txn::new(), &cluster, &found, &mut revision, &input)?;
        change_spec(&input, &mut next)?;
        rules::check(&next.spec, &revision)?;
        check_launch(ctx, &snapshot, &cluster, &next, &revision, revision != before)?;
        let mut txn = connected.expect(&cluster);
        if revision != before || input.force_new_deployment == Some(true) {
            txn = ctx.ids.with(|ids| roll_over(&snapshot, txn, &mut next, revision, ctx.now, ids));
        }
        if next != found.row.0 {
            ctx.cloud
                .store
                .commit(txn.update(&found, &ServiceRow(next.clone())))
                .await
                .map_err(Error::from)?;
        }
        let shown = service_view::service(&ctx.cloud.store.snapshot(), &next, true);
        Ok(shape::UpdateServiceResponse { service: Some(shown) })
    }
}

/// What a service says to all of its task sets. The rest is theirs.
async fn update_external(
    ctx: &OpCtx,
    input: &shape::UpdateServiceRequest,
    found: &Versioned<ServiceRow>,
) -> Result<shape::UpdateServiceResponse, ServiceError> {
    if input.service_connect_configuration.as_ref().is_some_and(|it| it.enabled) {
        let text = "Service Connect with the EXTERNAL deployment controller is not supported.";
        return Err(Error::UnsupportedFeature(text.into()).into());
    }
    let of_task_sets = [
        (input.task_definition.is_some(), "taskDefinition"),
        (input.capacity_provider_strategy.is_some(), "capacityProviderStrategy"),
        (input.platform_version.is_some(), "platformVersion"),
        (input.network_configuration.is_some(), "networkConfiguration"),
        (input.load_balancers.is_some(), "loadBalancers"),
        (input.service_registries.is_some(), "serviceRegistries"),
        (input.deployment_configuration.is_some(), "deploymentConfiguration"),
        (input.force_new_deployment == Some(true), "forceNewDeployment"),
    ];
    if let Some((_, member)) = of_task_sets.iter().find(|(given, _)| *given) {
        return Err(Error::InvalidParameter(format!(
            "{member} cannot be updated for services with the EXTERNAL deployment controller. Create a new task set."
        ))
        .into());
    }
    let mut next = Service::clone(found);
    change_spec(input, &mut next)?;
    if next != found.row.0 {
        let txn = Txn::new().update(found, &ServiceRow(next.clone()));
        ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
    }
    let shown = service_view::service(&ctx.cloud.store.snapshot(), &next, true);
    Ok(shape::UpdateServiceResponse { service: Some(shown) })
}

fn invalid(text: &str) -> Error {
    Error::InvalidParameter(text.to_owned())
}

/// What ECS has and Longshore does not act on is refused, not stored.
fn refuse_unserved(
    input: &shape::UpdateServiceRequest,
    controller: DeploymentControllerType,
) -> Result<(), Error> {
    let asked = input.deployment_controller.as_ref().map(|controller| controller.r#type.as_str());
    rules::refuse_unserved(&[
        (asked.is_some_and(|kind| kind != controller.as_str()), "Changes of the deployment controller"),
        (some(input.volume_configurations.as_ref()), "Volumes that are configured at launch"),
        (some(input.vpc_lattice_configurations.as_ref()), "VPC Lattice configurations"),
        (some(input.gateway_connectors.as_ref()), "Gateway connectors"),
        (input.monitoring.is_some(), "Monitoring configurations"),
    ])
}

/// The revision that the service is to have.
fn revision(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    input: &shape::UpdateServiceRequest,
    cluster: &Cluster,
    before: &RevisionSpec,
) -> Result<RevisionSpec, Error> {
    let mut next = before.clone();
    if let Some(raw) = input.task_definition.as_deref().filter(|raw| !raw.is_empty()) {
        let found = find(ctx, snapshot, raw)?;
        let found = found.ok_or_else(|| Error::Client("TaskDefinition not found.".into()))?;
        if found.status != TaskDefinitionStatus::Active && found.id != before.definition {
            return Err(Error::Client("TaskDefinition is inactive".into()));
        }
        next.definition = found.id.clone();
    }
    if let Some(strategy) = input.capacity_provider_strategy.clone() {
        let was_fargate = before.is_fargate();
        next.strategy = cluster_rules::strategy(strategy, &cluster.capacity_providers)?;
        next.launch_type = match (next.strategy.is_empty(), before.launch_type) {
            (false, _) => None,
            (true, Some(kept)) => Some(kept),
            (true, None) => Some(if was_fargate { LaunchType::Fargate } else { LaunchType::Ec2 }),
        };
        if next.strategy != before.strategy && input.force_new_deployment != Some(true) {
            return Err(invalid(
                "When switching from launch type to capacity provider strategy on an existing service, or making a \
                 change to a capacity provider strategy on a service that is already using one, you must force a new \
                 deployment.",
            ));
        }
    }
    if let Some(version) = input.platform_version.clone().filter(|version| !version.is_empty()) {
        let is_latest = |version: Option<&str>| matches!(version, None | Some("LATEST"));
        if !(is_latest(Some(&version)) && is_latest(before.platform_version.as_deref())) {
            next.platform_version = Some(version);
        }
    }
    if let Some(awsvpc) = input.network_configuration.clone().and_then(|it| it.awsvpc_configuration) {
        let changed = network(awsvpc)?;
        let assigned =
            |it: &model::ecs::task::AwsvpcConfiguration| it.assign_public_ip.unwrap_or(Switch::Disabled);
        let same = before.network.as_ref().is_some_and(|old| {
            (&old.subnets, &old.security_groups, assigned(old))
                == (&changed.subnets, &changed.security_groups, assigned(&changed))
        });
        if !same {
            next.network = Some(changed);
        }
    }
    if let Some(balancers) = input.load_balancers.clone() {
        next.load_balancers = read::load_balancers(balancers)?;
    }
    if let Some(given) = &input.service_registries {
        next.registries = registries::read(given)?;
    }
    Ok(next)
}

/// What starts no new deployment.
fn change_spec(input: &shape::UpdateServiceRequest, next: &mut Service) -> Result<(), Error> {
    let spec = &mut next.spec;
    if let Some(desired) = input.desired_count {
        if spec.scheduling_strategy == SchedulingStrategy::Daemon {
            return Err(invalid(
                "The daemon scheduling strategy does not support a desired count for services. Remove the desired \
                 count value and try again",
            ));
        }
        spec.desired_count = read::count("desiredCount", desired)?;
    }
    if let Some(shape) = input.deployment_configuration.clone() {
        spec.deployment = deployment::read(shape, &spec.deployment)?;
    }
    if let Some(seconds) = input.health_check_grace_period_seconds {
        spec.health_check_grace_period_seconds = Some(read::count("healthCheckGracePeriodSeconds", seconds)?);
    }
    if let Some(constraints) = input.placement_constraints.clone() {
        spec.placement_constraints = read_wishes(Some(constraints), None)?.constraints;
    }
    if let Some(strategies) = input.placement_strategy.clone() {
        spec.placement_strategy = read_wishes(None, Some(strategies))?.strategies;
    }
    if let Some(raw) = input.availability_zone_rebalancing.as_deref() {
        spec.availability_zone_rebalancing = read::word("availabilityZoneRebalancing", raw)?;
    }
    if let Some(managed) = input.enable_ecs_managed_tags {
        spec.enable_ecs_managed_tags = managed;
    }
    if let Some(execute) = input.enable_execute_command {
        spec.enable_execute_command = execute;
    }
    if let Some(raw) = input.propagate_tags.as_deref().filter(|raw| !raw.is_empty()) {
        spec.propagate_tags = read::word("propagateTags", raw)?;
    }
    rules::check_rebalancing(input.availability_zone_rebalancing.as_deref(), spec)?;
    let desired = spec.desired_count;
    let is_replica = spec.scheduling_strategy == SchedulingStrategy::Replica;
    if is_replica && next.primary().desired_count != desired {
        next.primary_mut().desired_count = desired;
        next.seen.is_steady = false;
    }
    Ok(())
}

/// Whether tasks of this revision could be launched at all. What was accepted before is not looked at again.
fn check_launch(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    cluster: &Cluster,
    service: &Service,
    revision: &RevisionSpec,
    is_new: bool,
) -> Result<(), Error> {
    if !is_new {
        return Ok(());
    }
    let definition = task_definition(snapshot, &ctx.scope, &revision.definition);
    let definition = definition.ok_or_else(|| Error::Client("TaskDefinition not found.".into()))?;
    revising::check(ctx, snapshot, cluster, service, revision, &definition)
}
