//! DeleteTaskSet: the task set drains; the scheduler stops its tasks, and then it is gone.

use model::ecs::Service;
use model::ecs::task_set::{Scale, StabilityStatus, TaskSetStatus};
use store::Txn;
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::task_set_resource;
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, service_resource};
use crate::ecs::store::ServiceRow;
use crate::ecs::task_sets;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::DeleteTaskSet {
    fn access(ctx: &OpCtx, input: &shape::DeleteTaskSetRequest) -> Access {
        let resource = task_set_resource(ctx, &input.cluster, &input.service, &input.task_set);
        Access::new("ecs:DeleteTaskSet", resource)
            .with("ecs:cluster", cluster_resource(ctx, Some(&input.cluster)))
            .with("ecs:service", service_resource(ctx, Some(&input.cluster), &input.service))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DeleteTaskSetRequest,
    ) -> Result<shape::DeleteTaskSetResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = task_sets::owner(&snapshot, &ctx.scope, &input.cluster, &input.service)?;
        let mut next = Service::clone(&found);
        let set = task_sets::find(&mut next, &input.task_set)?;
        if set.scale != Scale::NONE && input.force != Some(true) {
            let text = "The task set cannot be deleted while it is scaled above 0. Use force to delete it all the same.";
            return Err(Error::InvalidParameter(text.into()).into());
        }
        if set.status != TaskSetStatus::Draining {
            (set.status, set.updated_at) = (TaskSetStatus::Draining, ctx.now);
            (set.stability, set.stability_at) = (StabilityStatus::Stabilizing, ctx.now);
        }
        let set = set.clone();
        if next != found.row.0 {
            let txn = Txn::new().update(&found, &ServiceRow(next.clone()));
            ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        }
        let shown = task_sets::write(&ctx.cloud.store.snapshot(), &next, &set, false);
        Ok(shape::DeleteTaskSetResponse { task_set: Some(shown) })
    }
}
