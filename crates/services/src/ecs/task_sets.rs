//! Task sets of services with the EXTERNAL deployment controller: how they are named, found and shown.

use model::Scope;
use model::ecs::service::{DeploymentControllerType, ServiceStatus};
use model::ecs::task_set::{Scale, TaskSet};
use model::ecs::{ClusterName, RevisionId, Service, ServiceName};
use store::{Snapshot, Versioned};
use wire::ecs as shape;

use super::error::Error;
use super::registries;
use super::rules::identifier;
use super::service_view::{counts, millis, number, of, platform_version};
use super::store::{ServiceRow, active_cluster, service, service_revision};
use super::wire::cluster::write_tags;
use super::wire::convert::Wire;
use super::wire::service::{write_capacity, write_load_balancers, write_network};

/// The unit of scales.
const PERCENT: &str = "PERCENT";

/// The service of a request about task sets.
pub(crate) fn owner(
    snapshot: &Snapshot,
    scope: &Scope,
    cluster: &str,
    raw: &str,
) -> Result<Versioned<ServiceRow>, Error> {
    let cluster = identifier::cluster(Some(cluster), scope)?;
    active_cluster(snapshot, scope, &cluster)?;
    let name = identifier::service(raw, scope, &cluster)?;
    let found = name.and_then(|name| service(snapshot, scope, &cluster, &name));
    let found = found.ok_or(Error::ServiceNotFound)?;
    if found.status != ServiceStatus::Active {
        return Err(Error::ServiceNotActive);
    }
    match found.spec.controller {
        DeploymentControllerType::External => Ok(found),
        DeploymentControllerType::Ecs | DeploymentControllerType::CodeDeploy => {
            Err(Error::InvalidParameter(format!(
                "Task sets need the EXTERNAL deployment controller, but the service has {}.",
                found.spec.controller
            )))
        }
    }
}

/// The number in a task set's id or ARN; `None` for one of another service.
pub(crate) fn number_of(raw: &str, owner: &Service) -> Option<RevisionId> {
    let prefix = |scope: &Scope, cluster: &ClusterName, service: &ServiceName| {
        model::Arn::new("ecs", scope, format!("task-set/{cluster}/{service}/")).to_string()
    };
    let id = raw.strip_prefix(&prefix(&owner.scope, &owner.cluster, &owner.name)).unwrap_or(raw);
    RevisionId::new(id.strip_prefix("ecs-svc/")?).ok()
}

/// The task set that a request names.
pub(crate) fn find<'a>(owner: &'a mut Service, raw: &str) -> Result<&'a mut TaskSet, Error> {
    let number = number_of(raw, owner);
    let set = owner.task_sets.iter_mut().find(|set| Some(&set.revision) == number.as_ref());
    set.ok_or(Error::TaskSetNotFound)
}

/// Reads a scale.
pub(crate) fn scale(shape: Option<shape::Scale>) -> Result<Scale, Error> {
    let Some(shape) = shape else { return Ok(Scale::ALL) };
    let percent = shape.value.unwrap_or(0.0);
    Scale::of_percent(percent)
        .ok_or_else(|| Error::InvalidParameter("Scale value must be between 0 and 100.".into()))
}

/// Renders a task set as of `snapshot`.
pub(crate) fn write(snapshot: &Snapshot, owner: &Service, set: &TaskSet, with_tags: bool) -> shape::TaskSet {
    let counts = of(&counts(snapshot, owner), &set.revision);
    let revision = service_revision(snapshot, owner, &set.revision);
    let revision = revision.as_ref().map(|found| &found.row.0.spec);
    let capacity = revision.map(write_capacity);
    shape::TaskSet {
        id: Some(set.id()),
        task_set_arn: Some(set.arn(&owner.scope, &owner.cluster, &owner.name).to_string()),
        service_arn: Some(owner.arn().to_string()),
        cluster_arn: Some(owner.cluster.arn(&owner.scope).to_string()),
        external_id: set.external_id.clone(),
        status: Some(set.status.to_string()),
        task_definition: revision.map(|it| it.definition.arn(&owner.scope).to_string()),
        computed_desired_count: Some(set.scale.of(owner.spec.desired_count).into_wire()),
        pending_count: number(counts.pending),
        running_count: number(counts.running),
        created_at: millis(set.created_at),
        updated_at: millis(set.updated_at),
        launch_type: capacity.as_ref().and_then(|it| it.launch_type.clone()),
        capacity_provider_strategy: capacity.as_ref().and_then(|it| it.strategy.clone()),
        platform_version: revision.and_then(platform_version),
        platform_family: capacity.and_then(|it| it.platform_family),
        network_configuration: revision.and_then(|it| it.network.as_ref()).map(write_network),
        load_balancers: Some(revision.map(|it| write_load_balancers(&it.load_balancers)).unwrap_or_default()),
        service_registries: Some(revision.map(|it| registries::write(&it.registries)).unwrap_or_default()),
        scale: Some(shape::Scale { value: Some(set.scale.percent()), unit: Some(PERCENT.to_owned()) }),
        stability_status: Some(set.stability.to_string()),
        stability_status_at: millis(set.stability_at),
        tags: with_tags.then(|| write_tags(&set.tags)),
        ..Default::default()
    }
}
