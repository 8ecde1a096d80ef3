//! DeregisterContainerInstance: takes a machine out of its cluster. Forced, its tasks are stopped.
//!
//! The built-in node stands in no cluster from then on; it registers anew when its cluster is created anew, or when
//! Longshore starts again, as the ECS agent does.

use model::ecs::Task;
use model::ecs::container_instance::ContainerInstanceStatus;
use model::ecs::status::StopCode;
use store::Txn;
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::instances::{self, tasks};
use crate::ecs::ops::cluster_resource;
use crate::ecs::rules::identifier;
use crate::ecs::store::{ContainerInstanceRow, TaskRow, active_cluster};
use crate::ecs::wire::instance::{Include, write_instance};
use crate::error::ServiceError;
use crate::room::Handler;

/// Tasks that are stopped in one transaction: fewer than the store takes.
const BATCH: usize = 50;

impl Handler for shape::DeregisterContainerInstance {
    fn access(ctx: &OpCtx, input: &shape::DeregisterContainerInstanceRequest) -> Access {
        Access::new("ecs:DeregisterContainerInstance", cluster_resource(ctx, input.cluster.as_deref()))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DeregisterContainerInstanceRequest,
    ) -> Result<shape::DeregisterContainerInstanceResponse, ServiceError> {
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        let _turn = ctx.cloud.placing.lock().await;
        let snapshot = ctx.cloud.store.snapshot();
        active_cluster(&snapshot, &ctx.scope, &name)?;
        let id = identifier::container_instance(&input.container_instance, &ctx.scope, &name)?;
        let found = id.and_then(|id| instances::find(&snapshot, &ctx.scope, &name, &id));
        let mut found = found.ok_or_else(|| {
            Error::InvalidParameter("The referenced container instance was not found.".into())
        })?;
        let running: Vec<_> = tasks(&snapshot, &found.row).collect();
        if !running.is_empty() && input.force != Some(true) {
            return Err(Error::InvalidParameter("Found running tasks on the instance.".into()).into());
        }
        // The record goes with the last batch: a request that is cut short can be repeated.
        let mut batches = running.chunks(BATCH).peekable();
        while let Some(batch) = batches.next() {
            let mut txn = batch.iter().fold(Txn::new(), |txn, task| {
                let mut next = Task::clone(task);
                next.stop(
                    StopCode::TerminationNotice,
                    "Container instance deregistration forced by user",
                    ctx.now,
                );
                txn.update(task, &TaskRow(next))
            });
            if batches.peek().is_none() {
                txn = txn.remove(&found.row);
            }
            ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        }
        if running.is_empty() {
            ctx.cloud.store.commit(Txn::new().remove(&found.row)).await.map_err(Error::from)?;
        }
        let mut gone = ContainerInstanceRow::clone(&found.row.row);
        (gone.0.status, gone.0.version) = (ContainerInstanceStatus::Inactive, gone.0.version + 1);
        found.row.row = std::sync::Arc::new(gone);
        let instance =
            write_instance(&ctx.cloud.store.snapshot(), &found, Include { tags: true, health: false });
        Ok(shape::DeregisterContainerInstanceResponse { container_instance: Some(instance) })
    }
}
