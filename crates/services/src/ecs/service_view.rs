//! How services, their deployments and revisions look to a caller: the records, with what is counted from tasks.

use std::collections::BTreeMap;

use model::ecs::deployment::{Deployment, DeploymentStatus, MonitorStatus, ServiceDeployment};
use model::ecs::lifecycle::{Lifecycle, Share};
use model::ecs::service::{DeploymentControllerType, ServiceStatus};
use model::ecs::{LastStatus, RevisionId, Service, ServiceName, ServiceRevision};
use model::{Scope, Timestamp};
use reconcile::service::event::KEPT;
use store::{Snapshot, Versioned, key};
use wire::ecs as shape;

use super::error::Error;
use super::rules::identifier;
use super::store::{
    ServiceDeploymentRow, ServiceEventRow, ServiceRow, service_deployment, service_revision, tasks_of_service,
};
use super::task_sets;
use super::wire::cluster::write_tags;
use super::wire::convert::Wire;
use super::wire::deployment;
use super::wire::service::{
    write_capacity, write_constraints, write_load_balancers, write_network, write_strategies,
};
use super::{connect, registries};

/// Tasks of one deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Those that are to run.
    pub wanted: usize,
    /// Those on their way up.
    pub pending: usize,
    /// Those that run.
    pub running: usize,
}

/// The tasks of a service by who started them.
pub(super) fn counts(snapshot: &Snapshot, service: &Service) -> BTreeMap<String, Counts> {
    let mut all: BTreeMap<String, Counts> = BTreeMap::new();
    for task in tasks_of_service(snapshot, service) {
        let deployment = task.spec.started_by.clone().unwrap_or_default();
        let counts = all.entry(deployment).or_default();
        let live = task.desired_status == model::ecs::DesiredStatus::Running;
        counts.wanted += usize::from(live);
        match task.seen.last_status {
            LastStatus::Provisioning | LastStatus::Pending | LastStatus::Activating => counts.pending += 1,
            LastStatus::Running => counts.running += 1,
            LastStatus::Deactivating
            | LastStatus::Stopping
            | LastStatus::Deprovisioning
            | LastStatus::Stopped
            | LastStatus::Deleted => {}
        }
    }
    all
}

/// A count on the wire.
pub(super) fn number(count: usize) -> Option<i32> {
    Some(i32::try_from(count).unwrap_or(i32::MAX))
}

/// A time on the wire.
pub(super) fn millis(at: Timestamp) -> Option<i64> {
    Some(at.as_millis())
}

/// Renders a service as of `snapshot`.
pub(crate) fn service(snapshot: &Snapshot, service: &Service, with_tags: bool) -> shape::Service {
    let counts = counts(snapshot, service);
    let spec = &service.spec;
    let is_gone = service.status == ServiceStatus::Inactive;
    let revision = service_revision(snapshot, service, service.shown_revision());
    let revision = revision.as_ref().map(|found| &found.row.0.spec);
    let capacity = revision.map(write_capacity);
    let is_external = spec.controller == DeploymentControllerType::External;
    let listed: &[Deployment] = if is_gone || is_external { &[] } else { &service.deployments };
    let desired = match spec.scheduling_strategy {
        model::ecs::service::SchedulingStrategy::Replica => spec.desired_count,
        model::ecs::service::SchedulingStrategy::Daemon => service.primary().desired_count,
    };
    let total = |of: fn(&Counts) -> usize| number(counts.values().map(of).sum());
    let balancers = revision.map(|it| write_load_balancers(&it.load_balancers)).unwrap_or_default();
    let grace = spec.health_check_grace_period_seconds.or((!balancers.is_empty()).then_some(0));
    let current = service_deployment(snapshot, service, &service.primary().service_deployment);
    let current = current.filter(|record| !record.status.is_final() && !is_gone);
    shape::Service {
        service_arn: Some(service.arn().to_string()),
        service_name: Some(service.name.to_string()),
        cluster_arn: Some(service.cluster.arn(&service.scope).to_string()),
        load_balancers: Some(balancers),
        service_registries: Some(revision.map(|it| registries::write(&it.registries)).unwrap_or_default()),
        status: Some(service.status.to_string()),
        desired_count: Some(desired.into_wire()),
        running_count: total(|counts| counts.running),
        pending_count: total(|counts| counts.pending),
        launch_type: capacity.as_ref().and_then(|it| it.launch_type.clone()),
        capacity_provider_strategy: capacity.as_ref().and_then(|it| it.strategy.clone()),
        platform_version: revision.and_then(|it| {
            it.is_fargate().then(|| it.platform_version.clone().unwrap_or_else(|| "LATEST".into()))
        }),
        platform_family: capacity.and_then(|it| it.platform_family),
        task_definition: revision.map(|it| it.definition.arn(&service.scope).to_string()),
        deployment_configuration: Some(deployment::write(&spec.deployment)),
        deployments: Some(listed.iter().map(|it| entry(snapshot, service, it, &counts)).collect()),
        role_arn: spec.role.clone(),
        events: Some(events(snapshot, service)),
        created_at: millis(service.created_at),
        current_service_deployment: current.map(|record| record.arn().to_string()),
        current_service_revisions: Some(
            listed.iter().map(|it| current_revision(service, it, &counts)).collect(),
        ),
        placement_constraints: Some(write_constraints(&spec.placement_constraints)),
        placement_strategy: Some(write_strategies(&spec.placement_strategy)),
        network_configuration: revision.and_then(|it| it.network.as_ref()).map(write_network),
        health_check_grace_period_seconds: grace.into_wire(),
        scheduling_strategy: Some(spec.scheduling_strategy.to_string()),
        deployment_controller: Some(shape::DeploymentController { r#type: spec.controller.to_string() }),
        task_sets: is_external.then(|| {
            service.task_sets.iter().map(|set| task_sets::write(snapshot, service, set, with_tags)).collect()
        }),
        tags: Some(if with_tags { write_tags(&service.tags) } else { Vec::new() }),
        created_by: Some(service.created_by.clone()),
        enable_ecs_managed_tags: Some(spec.enable_ecs_managed_tags),
        propagate_tags: Some(spec.propagate_tags.to_string()),
        enable_execute_command: Some(spec.enable_execute_command),
        availability_zone_rebalancing: Some(spec.availability_zone_rebalancing.to_string()),
        // The others are Express services, which there are none of.
        resource_management_type: Some("CUSTOMER".into()),
    }
}

/// The tasks of one revision.
pub(super) fn of(counts: &BTreeMap<String, Counts>, id: &RevisionId) -> Counts {
    counts.get(&id.deployment()).copied().unwrap_or_default()
}

/// The tasks that a deployment wants: an older one wants those that it still has.
fn wanted(deployment: &Deployment, counts: Counts) -> Option<i32> {
    match deployment.status {
        DeploymentStatus::Primary => Some(deployment.desired_count.into_wire()),
        DeploymentStatus::Active => number(counts.wanted),
    }
}

fn entry(
    snapshot: &Snapshot,
    service: &Service,
    deployment: &Deployment,
    counts: &BTreeMap<String, Counts>,
) -> shape::Deployment {
    let counts = of(counts, &deployment.id);
    let revision = service_revision(snapshot, service, &deployment.id);
    let revision = revision.as_ref().map(|found| &found.row.0.spec);
    let capacity = revision.map(write_capacity);
    shape::Deployment {
        id: Some(deployment.id.deployment()),
        status: Some(deployment.status.to_string()),
        task_definition: revision.map(|it| it.definition.arn(&service.scope).to_string()),
        desired_count: wanted(deployment, counts),
        pending_count: number(counts.pending),
        running_count: number(counts.running),
        failed_tasks: Some(deployment.failed_tasks.into_wire()),
        created_at: millis(deployment.created_at),
        updated_at: millis(deployment.updated_at),
        launch_type: capacity.as_ref().and_then(|it| it.launch_type.clone()),
        capacity_provider_strategy: capacity.as_ref().and_then(|it| it.strategy.clone()),
        platform_version: revision.and_then(platform_version),
        platform_family: capacity.and_then(|it| it.platform_family),
        network_configuration: revision.and_then(|it| it.network.as_ref()).map(write_network),
        rollout_state: Some(deployment.rollout_state.to_string()),
        rollout_state_reason: Some(deployment.rollout_state_reason.clone()),
        service_connect_configuration: revision.and_then(connect::write),
        service_connect_resources: revision.and_then(connect::write_resources),
        ..Default::default()
    }
}

/// A deployment shows the version that its tasks run on, where the service shows the one that was asked for.
pub(super) fn platform_version(spec: &model::ecs::service_revision::RevisionSpec) -> Option<String> {
    let asked = spec.platform_version.as_deref().filter(|version| *version != "LATEST");
    spec.is_fargate().then(|| asked.unwrap_or("1.4.0").to_owned())
}

fn current_revision(
    service: &Service,
    deployment: &Deployment,
    counts: &BTreeMap<String, Counts>,
) -> shape::ServiceCurrentRevisionSummary {
    let counts = of(counts, &deployment.id);
    shape::ServiceCurrentRevisionSummary {
        arn: Some(deployment.id.arn(&service.scope, &service.cluster, &service.name).to_string()),
        requested_task_count: wanted(deployment, counts),
        running_task_count: number(counts.running),
        pending_task_count: number(counts.pending),
    }
}

/// The service's events, the newest first.
fn events(snapshot: &Snapshot, service: &Service) -> Vec<shape::ServiceEvent> {
    let seen = &service.seen;
    let first = seen.first_event.max(seen.next_event.saturating_sub(KEPT));
    let event = |number: u64| {
        let key = key![service.scope, service.cluster.as_str(), service.name.as_str(), number];
        snapshot.get::<ServiceEventRow>(&key)
    };
    let all = (first..seen.next_event).rev().filter_map(event);
    all.map(|event| shape::ServiceEvent {
        id: Some(event.id.clone()),
        created_at: millis(event.created_at),
        message: Some(event.message.clone()),
    })
    .collect()
}

/// A service, and the record of a change of it.
type OwnedRecord = (Versioned<ServiceRow>, Versioned<ServiceDeploymentRow>);

/// The record of a change by its ARN.
///
/// # Errors
/// `InvalidParameterException` for what is no such ARN.
pub(crate) fn find_record(
    snapshot: &Snapshot,
    scope: &Scope,
    arn: &str,
) -> Result<Option<OwnedRecord>, Error> {
    let named = identifier::of_service(arn, "service-deployment", scope)?;
    Ok(named.and_then(|(cluster, name, id)| {
        let owner = super::store::service(snapshot, scope, &cluster, &name)?;
        Some((owner, snapshot.get(&key![scope, cluster.as_str(), name.as_str(), id])?))
    }))
}

/// Renders the record of a change, with the service as it is now.
pub(crate) fn record(
    snapshot: &Snapshot,
    service: &Service,
    record: &ServiceDeployment,
) -> shape::ServiceDeployment {
    let counts = counts(snapshot, service);
    let summary = |id: &RevisionId, requested: usize| {
        let counts = of(&counts, id);
        shape::ServiceRevisionSummary {
            arn: Some(id.arn(&record.scope, &record.cluster, &record.service).to_string()),
            requested_task_count: number(requested),
            running_task_count: number(counts.running),
            pending_task_count: number(counts.pending),
            requested_production_traffic_weight: weight(record, id, |it| it.production),
            requested_test_traffic_weight: weight(record, id, |it| it.test),
        }
    };
    let is_primary = service.primary().id == record.target;
    let target = if is_primary {
        service.primary().desired_count as usize
    } else {
        of(&counts, &record.target).wanted
    };
    shape::ServiceDeployment {
        service_deployment_arn: Some(record.arn().to_string()),
        service_arn: Some(arn(record, &record.service)),
        cluster_arn: Some(record.cluster.arn(&record.scope).to_string()),
        created_at: millis(record.created_at),
        started_at: record.started_at.and_then(millis),
        finished_at: record.finished_at.and_then(millis),
        stopped_at: record.stopped_at.and_then(millis),
        updated_at: millis(record.updated_at),
        source_service_revisions: Some(
            record.sources.iter().map(|id| summary(id, of(&counts, id).wanted)).collect(),
        ),
        target_service_revision: Some(summary(&record.target, target)),
        status: Some(record.status.to_string()),
        status_reason: record.status_reason.clone(),
        lifecycle_stage: record.lifecycle.as_ref().map(|it| it.stage.to_string()),
        lifecycle_hook_details: record
            .lifecycle
            .as_ref()
            .map(|it| it.hooks.iter().map(deployment::write_run).collect()),
        deployment_configuration: Some(deployment::write(&record.configuration)),
        rollback: record.rollback.as_ref().map(|back| shape::Rollback {
            reason: Some(back.reason.clone()),
            started_at: millis(back.started_at),
            service_revision_arn: Some(
                back.revision.arn(&record.scope, &record.cluster, &record.service).to_string(),
            ),
        }),
        deployment_circuit_breaker: Some(shape::ServiceDeploymentCircuitBreaker {
            status: Some(record.monitor.to_string()),
            failure_count: Some(record.failure_count.into_wire()),
            threshold: Some(record.threshold.into_wire()),
        }),
        alarms: Some(shape::ServiceDeploymentAlarms {
            status: Some(MonitorStatus::Disabled.to_string()),
            alarm_names: record.configuration.idle_alarms.as_ref().map(|alarms| alarms.names.clone()),
            triggered_alarm_names: None,
        }),
    }
}

/// A revision's share of the traffic in percent, for a change that shifts it.
fn weight(record: &ServiceDeployment, id: &RevisionId, of: fn(&Lifecycle) -> Share) -> Option<f64> {
    let share = of(record.lifecycle.as_ref()?).percent();
    Some(match (*id == record.target, record.serving.as_ref() == Some(id)) {
        (true, _) => share,
        (false, true) => 100.0 - share,
        (false, false) => 0.0,
    })
}

/// Renders the record of a change for a list.
pub(crate) fn brief(record: &ServiceDeployment) -> shape::ServiceDeploymentBrief {
    shape::ServiceDeploymentBrief {
        service_deployment_arn: Some(record.arn().to_string()),
        service_arn: Some(arn(record, &record.service)),
        cluster_arn: Some(record.cluster.arn(&record.scope).to_string()),
        started_at: record.started_at.and_then(millis),
        created_at: millis(record.created_at),
        finished_at: record.finished_at.and_then(millis),
        target_service_revision_arn: Some(
            record.target.arn(&record.scope, &record.cluster, &record.service).to_string(),
        ),
        status: Some(record.status.to_string()),
        status_reason: record.status_reason.clone(),
    }
}

fn arn(record: &ServiceDeployment, service: &ServiceName) -> String {
    service.arn(&record.scope, &record.cluster).to_string()
}

/// Renders a revision, with its containers' images as they are named and as they were found.
pub(crate) fn revision(snapshot: &Snapshot, revision: &ServiceRevision) -> shape::ServiceRevision {
    let spec = &revision.spec;
    let capacity = write_capacity(spec);
    let definition = super::store::task_definition(snapshot, &revision.scope, &spec.definition);
    let images = definition.iter().flat_map(|found| &found.row.0.spec.container_definitions);
    shape::ServiceRevision {
        service_revision_arn: Some(revision.arn().to_string()),
        service_arn: Some(revision.service.arn(&revision.scope, &revision.cluster).to_string()),
        cluster_arn: Some(revision.cluster.arn(&revision.scope).to_string()),
        task_definition: Some(spec.definition.arn(&revision.scope).to_string()),
        capacity_provider_strategy: capacity.strategy,
        launch_type: capacity.launch_type,
        platform_version: platform_version(spec),
        platform_family: capacity.platform_family,
        load_balancers: Some(write_load_balancers(&spec.load_balancers)),
        service_registries: Some(registries::write(&spec.registries)),
        service_connect_configuration: connect::write(spec),
        network_configuration: spec.network.as_ref().map(write_network),
        container_images: Some(
            images
                .map(|container| shape::ContainerImage {
                    container_name: Some(container.name.to_string()),
                    image: Some(container.image.clone()),
                    image_digest: None,
                })
                .collect(),
        ),
        guard_duty_enabled: Some(false),
        resolved_configuration: resolved(revision),
        created_at: millis(revision.created_at),
        ..Default::default()
    }
}

/// The target groups that were chosen for a revision, where there was a choice.
fn resolved(revision: &ServiceRevision) -> Option<shape::ResolvedConfiguration> {
    let chosen = revision.balancers().filter_map(|(balancer, group)| {
        let shift = balancer.shift.as_ref()?;
        Some(shape::ServiceRevisionLoadBalancer {
            target_group_arn: Some(group.to_owned()),
            production_listener_rule: Some(shift.production_rule_arn.clone()),
        })
    });
    let load_balancers: Vec<_> = chosen.collect();
    (!load_balancers.is_empty()).then_some(shape::ResolvedConfiguration {
        load_balancers: Some(load_balancers),
        vpc_lattice_configurations: None,
    })
}
