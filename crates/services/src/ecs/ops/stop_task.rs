//! StopTask: wishes a task's end. Its node does the rest, and the answer shows the wish.

use model::ecs::status::StopCode;
use model::ecs::{LastStatus, Task};
use store::{Txn, key};
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::task_resource;
use crate::ecs::error::Error;
use crate::ecs::ops::cluster_resource;
use crate::ecs::rules::identifier;
use crate::ecs::store::{TaskRow, active_cluster};
use crate::ecs::wire::task::write_task;
use crate::error::ServiceError;
use crate::room::Handler;

/// The longest reason; ECS stores 1024 characters.
const MAX_REASON: usize = 1024;

impl Handler for shape::StopTask {
    fn access(ctx: &OpCtx, input: &shape::StopTaskRequest) -> Access {
        let cluster = input.cluster.as_deref();
        let task = task_resource(ctx, cluster, &input.task);
        Access::new("ecs:StopTask", task).with("ecs:cluster", cluster_resource(ctx, cluster))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::StopTaskRequest,
    ) -> Result<shape::StopTaskResponse, ServiceError> {
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        let snapshot = ctx.cloud.store.snapshot();
        let cluster = active_cluster(&snapshot, &ctx.scope, &name)?;
        let id = identifier::task(&input.task, &ctx.scope, &cluster.name)?;
        let found = id.and_then(|id| snapshot.get::<TaskRow>(&key![ctx.scope, name.as_str(), id.as_str()]));
        let found =
            found.ok_or_else(|| Error::InvalidParameter("The referenced task was not found.".into()))?;
        let reason = input.reason.filter(|reason| !reason.is_empty());
        if reason.as_ref().is_some_and(|reason| reason.chars().count() > MAX_REASON) {
            return Err(Error::InvalidParameter("Reason must be at most 1024 characters long.".into()).into());
        }
        let mut task = Task::clone(&found);
        if !task.seen.last_status.is_ended() {
            task.stop(
                StopCode::UserInitiated,
                reason.unwrap_or_else(|| "Task stopped by user".into()),
                ctx.now,
            );
            drain_first(&mut task);
        }
        if task.version != found.version {
            let txn = Txn::new().update(&found, &TaskRow(task.clone()));
            ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        }
        Ok(shape::StopTaskResponse { task: Some(write_task(&task, true)) })
    }
}

/// A task that takes traffic from a load balancer loses its connections before its containers: see
/// [`reconcile::service`].
fn drain_first(task: &mut Task) {
    let takes_traffic = task.supervision.targets.iter().any(|target| !target.is_deregistered);
    if takes_traffic && task.seen.last_status == LastStatus::Running {
        task.seen.last_status = LastStatus::Deactivating;
    }
}
