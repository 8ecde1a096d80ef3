//! Reaping: task definitions whose deletion was asked for, once no task runs from them, and the history of services.
//!
//! A family's counter stays, so that the revision is never used again. Of a service's history the present change
//! stays, however old, with every revision that has tasks or may come back.

use model::Timestamp;
use model::ecs::service::ServiceStatus;
use model::ecs::{RevisionId, Service, ServiceDeployment};
use reconcile::reap::{BATCH, SERVICE_DEPLOYMENT_FOR};
use store::{Snapshot, Store, Txn, key};

use super::error::Error;
use super::store::{
    BY_DEFINITION, DELETING, FINISHED, ServiceDeploymentRow, TaskDefinitionRow, TaskRow, service,
    service_deployment, service_revision,
};

/// Removes up to a batch of deleted task definitions that no unended task refers to, and tells how many.
///
/// # Errors
/// When the store fails, or a definition changed meanwhile: the next call sees what is left.
pub async fn task_definitions(store: &Store) -> Result<usize, Error> {
    let snapshot = store.snapshot();
    let unused = snapshot.all_by::<TaskDefinitionRow>(DELETING, &key![]).filter(|definition| {
        let prefix = key![definition.scope, definition.id.family.as_str(), definition.id.revision];
        snapshot.page_by::<TaskRow>(BY_DEFINITION, &prefix, None, 1).is_empty()
    });
    let unused: Vec<_> = unused.take(BATCH).collect();
    let txn = unused.iter().fold(Txn::new(), |txn, definition| txn.remove(definition));
    if !txn.is_read_only() {
        store.commit(txn).await?;
    }
    Ok(unused.len())
}

/// Removes up to a batch of the records of changes that ended long ago, each with the revision that it led to, and
/// tells how many.
///
/// # Errors
/// When the store fails, or a service changed meanwhile: the next call sees what is left.
pub async fn service_deployments(store: &Store, now: Timestamp) -> Result<usize, Error> {
    let snapshot = store.snapshot();
    let is_due = |record: &store::Versioned<ServiceDeploymentRow>| {
        record.finished_at.is_some_and(|at| at + SERVICE_DEPLOYMENT_FOR <= now)
    };
    let (mut txn, mut count) = (Txn::new(), 0);
    for record in snapshot.all_by::<ServiceDeploymentRow>(FINISHED, &key![]).take_while(is_due) {
        let owner = service(&snapshot, &record.scope, &record.cluster, &record.service);
        if owner.as_ref().is_some_and(|owner| is_present(owner, &record)) {
            continue;
        }
        if let Some(owner) = &owner {
            txn = txn.expect(owner);
            if !is_needed(&snapshot, owner, &record.target)
                && let Some(revision) = service_revision(&snapshot, owner, &record.target)
            {
                txn = txn.remove(&revision);
            }
        }
        txn = txn.remove(&record);
        count += 1;
        if count == BATCH {
            break;
        }
    }
    if !txn.is_read_only() {
        store.commit(txn).await?;
    }
    Ok(count)
}

/// Whether a record is that of the last change of a service that is not gone.
fn is_present(owner: &Service, record: &ServiceDeployment) -> bool {
    owner.status != ServiceStatus::Inactive && owner.primary().service_deployment == record.id
}

/// Whether a revision has tasks, or may come back.
fn is_needed(snapshot: &Snapshot, owner: &Service, revision: &RevisionId) -> bool {
    if owner.status == ServiceStatus::Inactive {
        return false;
    }
    // What served before the last change comes back only while that change is under way.
    let record = service_deployment(snapshot, owner, &owner.primary().service_deployment);
    let record = record.filter(|record| !record.status.is_final());
    let serving = record.as_ref().and_then(|record| record.serving.as_ref());
    owner.deployments.iter().any(|it| it.id == *revision)
        || owner.stable.as_ref() == Some(revision)
        || serving == Some(revision)
}
