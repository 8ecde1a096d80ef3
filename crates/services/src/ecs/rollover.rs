//! The start of a deployment: a new revision, the record of the change, and the end of the change before it.

use model::ecs::deployment::{
    Deployment, DeploymentStatus, MonitorStatus, ServiceDeployment, ServiceDeploymentStatus,
};
use model::ecs::service_revision::{RevisionSpec, ServiceLoadBalancer};
use model::ecs::{RevisionId, Service, ServiceDeploymentId, ServiceRevision};
use model::{IdSource, Timestamp};
use reconcile::deployment::{breaker, traffic};
use store::{Snapshot, Txn, Versioned};

use super::connect;
use super::store::{ServiceDeploymentRow, ServiceRevisionRow, service_deployment, service_revision};

/// Makes `spec` the PRIMARY revision of a service; `service` is changed and not yet written.
pub(crate) fn roll_over(
    snapshot: &Snapshot,
    mut txn: Txn,
    service: &mut Service,
    spec: RevisionSpec,
    now: Timestamp,
    ids: &mut dyn IdSource,
) -> Txn {
    let before = service.deployments.first();
    let before = before.and_then(|it| service_deployment(snapshot, service, &it.service_deployment));
    let serving = traffic::serving(service, before.as_ref().map(|found| &found.row.0));
    let strategy = service.spec.deployment.strategy;
    let serving_revision = serving.as_ref().and_then(|id| service_revision(snapshot, service, id));
    let served_by: Vec<&str> = serving_revision.iter().flat_map(|it| it.balancers()).map(|it| it.1).collect();
    let joined = |(at, balancer): (usize, &ServiceLoadBalancer)| {
        traffic::target_group(balancer, strategy, served_by.get(at).copied()).to_owned()
    };
    let revision = ServiceRevision {
        scope: service.scope.clone(),
        cluster: service.cluster.clone(),
        service: service.name.clone(),
        id: RevisionId::random(ids),
        target_groups: spec.load_balancers.iter().enumerate().map(joined).collect(),
        endpoints: connect::endpoints(snapshot, service, &spec),
        spec,
        created_at: now,
    };
    service.namespace = revision.spec.service_connect.as_ref().map(|connect| connect.namespace.clone());
    let groups = revision.spec.load_balancers.iter().flat_map(ServiceLoadBalancer::groups);
    service.target_groups.extend(groups.map(str::to_owned));
    let breaker = &service.spec.deployment.circuit_breaker;
    let desired = service.spec.desired_count;
    let record = ServiceDeployment {
        scope: service.scope.clone(),
        cluster: service.cluster.clone(),
        service: service.name.clone(),
        id: ServiceDeploymentId::random(ids),
        sources: service.deployments.iter().map(|it| it.id.clone()).collect(),
        target: revision.id.clone(),
        serving,
        lifecycle: None,
        status: ServiceDeploymentStatus::InProgress,
        status_reason: None,
        configuration: service.spec.deployment.clone(),
        rollback: None,
        monitor: if breaker.enable { MonitorStatus::Monitoring } else { MonitorStatus::Disabled },
        failure_count: 0,
        threshold: breaker::threshold(breaker, desired),
        created_at: now,
        started_at: Some(now),
        finished_at: None,
        stopped_at: None,
        updated_at: now,
    };
    if let Some(before) = &before {
        txn = overtake(txn, before, now);
    }
    service.deployments.iter_mut().for_each(|it| it.status = DeploymentStatus::Active);
    service.deployments.insert(0, Deployment::new(revision.id.clone(), record.id.clone(), desired, now));
    service.seen.is_steady = false;
    service.seen.placements_refused = 0;
    service.seen.place_again_at = None;
    txn.insert(&ServiceRevisionRow(revision)).insert(&ServiceDeploymentRow(record))
}

/// A change that is overtaken by the next one is stopped.
fn overtake(txn: Txn, found: &Versioned<ServiceDeploymentRow>, now: Timestamp) -> Txn {
    if found.status.is_final() {
        return txn;
    }
    let mut record = ServiceDeployment::clone(found);
    record.status = ServiceDeploymentStatus::Stopped;
    record.status_reason = Some("Service deployment was superseded by a new service deployment.".into());
    (record.stopped_at, record.finished_at, record.updated_at) = (Some(now), Some(now), now);
    if record.monitor == MonitorStatus::Monitoring {
        record.monitor = MonitorStatus::MonitoringComplete;
    }
    txn.update(found, &ServiceDeploymentRow(record))
}
