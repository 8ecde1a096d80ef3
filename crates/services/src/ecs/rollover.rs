//! The start of a deployment: a new revision, the record of the change, and the end of the change before it.

use model::ecs::deployment::{
    Deployment, DeploymentStatus, MonitorStatus, ServiceDeployment, ServiceDeploymentStatus,
};
use model::ecs::service_revision::RevisionSpec;
use model::ecs::{RevisionId, Service, ServiceDeploymentId, ServiceRevision};
use model::{IdSource, Timestamp};
use reconcile::deployment::breaker;
use store::{Snapshot, Txn};

use super::store::{ServiceDeploymentRow, ServiceRevisionRow, service_deployment};

/// Makes `spec` the PRIMARY revision of a service; `service` is changed and not yet written.
pub(crate) fn roll_over(
    snapshot: &Snapshot,
    mut txn: Txn,
    service: &mut Service,
    spec: RevisionSpec,
    now: Timestamp,
    ids: &mut dyn IdSource,
) -> Txn {
    let revision = ServiceRevision {
        scope: service.scope.clone(),
        cluster: service.cluster.clone(),
        service: service.name.clone(),
        id: RevisionId::random(ids),
        spec,
        created_at: now,
    };
    let groups = revision.spec.load_balancers.iter().map(|balancer| balancer.target_group_arn.clone());
    service.target_groups.extend(groups);
    let breaker = &service.spec.deployment.circuit_breaker;
    let desired = service.spec.desired_count;
    let record = ServiceDeployment {
        scope: service.scope.clone(),
        cluster: service.cluster.clone(),
        service: service.name.clone(),
        id: ServiceDeploymentId::random(ids),
        sources: service.deployments.iter().map(|it| it.id.clone()).collect(),
        target: revision.id.clone(),
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
    if let Some(before) = service.deployments.first() {
        txn = overtake(snapshot, txn, service, &before.service_deployment, now);
    }
    service.deployments.iter_mut().for_each(|it| it.status = DeploymentStatus::Active);
    service.deployments.insert(0, Deployment::new(revision.id.clone(), record.id.clone(), desired, now));
    service.seen.is_steady = false;
    service.seen.placements_refused = 0;
    service.seen.place_again_at = None;
    txn.insert(&ServiceRevisionRow(revision)).insert(&ServiceDeploymentRow(record))
}

/// A change that is overtaken by the next one is stopped.
fn overtake(
    snapshot: &Snapshot,
    txn: Txn,
    service: &Service,
    id: &ServiceDeploymentId,
    now: Timestamp,
) -> Txn {
    let Some(found) = service_deployment(snapshot, service, id) else { return txn };
    if found.status.is_final() {
        return txn;
    }
    let mut record = ServiceDeployment::clone(&found);
    record.status = ServiceDeploymentStatus::Stopped;
    record.status_reason = Some("Service deployment was superseded by a new service deployment.".into());
    (record.stopped_at, record.finished_at, record.updated_at) = (Some(now), Some(now), now);
    if record.monitor == MonitorStatus::Monitoring {
        record.monitor = MonitorStatus::MonitoringComplete;
    }
    txn.update(&found, &ServiceDeploymentRow(record))
}
