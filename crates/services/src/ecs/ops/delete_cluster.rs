//! DeleteCluster: makes an empty cluster inactive. It is still described, but lists forget it.
//!
//! Deviation: a container instance that joined the cluster only because nobody chose another leaves with it;
//! ECS would refuse, as it is done here for the others.

use model::ecs::Cluster;
use model::ecs::cluster::ClusterStatus;
use model::ecs::service::ServiceStatus;
use store::{Txn, Versioned, key};
use wire::ecs::{DeleteCluster, DeleteClusterRequest, DeleteClusterResponse};

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::ops::cluster_resource;
use crate::ecs::rules::identifier;
use crate::ecs::store::{
    ClusterRow, ContainerInstanceRow, active_cluster, count_services, has_unended_tasks,
};
use crate::ecs::view::{self, Include};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for DeleteCluster {
    fn access(ctx: &OpCtx, input: &DeleteClusterRequest) -> Access {
        Access::new("ecs:DeleteCluster", cluster_resource(ctx, Some(&input.cluster)))
    }

    async fn run(ctx: &OpCtx, input: DeleteClusterRequest) -> Result<DeleteClusterResponse, ServiceError> {
        let name = identifier::cluster(Some(&input.cluster), &ctx.scope)?;
        let snapshot = ctx.cloud.store.snapshot();
        let found = active_cluster(&snapshot, &ctx.scope, &name)?;
        let services = |status| count_services(&snapshot, &found, status);
        if services(ServiceStatus::Active) + services(ServiceStatus::Draining) > 0 {
            return Err(Error::ClusterContainsServices.into());
        }
        if has_unended_tasks(&snapshot, &found) {
            return Err(Error::ClusterContainsTasks.into());
        }
        let prefix = key![ctx.scope, name.as_str()];
        let members: Vec<_> = snapshot.all::<ContainerInstanceRow>(&prefix).collect();
        if members.iter().any(|member| !member.by_default) {
            return Err(Error::ClusterContainsContainerInstances.into());
        }
        let mut row = ClusterRow(Cluster::clone(&found));
        row.0.status = ClusterStatus::Inactive;
        row.0.deleted_at = Some(ctx.now);
        let txn = members.iter().fold(Txn::new().update(&found, &row), |txn, member| txn.remove(member));
        ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        restore_if_busy(ctx, &found, &row, &members).await?;
        let cluster = view::cluster(&snapshot, &row, Include::CHANGED);
        Ok(DeleteClusterResponse { cluster: Some(cluster) })
    }
}

/// RunTask expects the cluster as it was, so no task can follow our commit; one may have come
/// between our look and the commit, and then the cluster stays.
async fn restore_if_busy(
    ctx: &OpCtx,
    before: &ClusterRow,
    deleted: &ClusterRow,
    members: &[Versioned<ContainerInstanceRow>],
) -> Result<(), Error> {
    let snapshot = ctx.cloud.store.snapshot();
    if !has_unended_tasks(&snapshot, deleted) {
        return Ok(());
    }
    let found = snapshot.get::<ClusterRow>(&store::Row::key(deleted));
    if let Some(found) = found.filter(|found| *found.row == *deleted) {
        let txn = Txn::new().update(&found, before);
        ctx.cloud.store.commit(members.iter().fold(txn, |txn, member| txn.insert(&*member.row))).await?;
    }
    Err(Error::ClusterContainsTasks)
}
