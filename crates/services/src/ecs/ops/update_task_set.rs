//! UpdateTaskSet: another share of the service's tasks. The scheduler starts and stops them.

use model::ecs::Service;
use model::ecs::task_set::{StabilityStatus, TaskSetStatus};
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

impl Handler for shape::UpdateTaskSet {
    fn access(ctx: &OpCtx, input: &shape::UpdateTaskSetRequest) -> Access {
        let resource = task_set_resource(ctx, &input.cluster, &input.service, &input.task_set);
        Access::new("ecs:UpdateTaskSet", resource)
            .with("ecs:cluster", cluster_resource(ctx, Some(&input.cluster)))
            .with("ecs:service", service_resource(ctx, Some(&input.cluster), &input.service))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::UpdateTaskSetRequest,
    ) -> Result<shape::UpdateTaskSetResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = task_sets::owner(&snapshot, &ctx.scope, &input.cluster, &input.service)?;
        let scale = task_sets::scale(Some(input.scale))?;
        let mut next = Service::clone(&found);
        let set = task_sets::find(&mut next, &input.task_set)?;
        if set.status == TaskSetStatus::Draining {
            return Err(Error::InvalidParameter("The task set is being deleted.".into()).into());
        }
        if set.scale != scale {
            (set.scale, set.updated_at) = (scale, ctx.now);
            (set.stability, set.stability_at) = (StabilityStatus::Stabilizing, ctx.now);
        }
        let set = set.clone();
        if next != found.row.0 {
            next.seen.is_steady = false;
            let txn = Txn::new().update(&found, &ServiceRow(next.clone()));
            ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        }
        let shown = task_sets::write(&ctx.cloud.store.snapshot(), &next, &set, false);
        Ok(shape::UpdateTaskSetResponse { task_set: Some(shown) })
    }
}
