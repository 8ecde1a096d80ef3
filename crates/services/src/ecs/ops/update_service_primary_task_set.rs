//! UpdateServicePrimaryTaskSet: says which task set serves. The others become ACTIVE.

use model::ecs::Service;
use model::ecs::task_set::TaskSetStatus;
use store::Txn;
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, service_resource};
use crate::ecs::store::ServiceRow;
use crate::ecs::task_sets;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::UpdateServicePrimaryTaskSet {
    fn access(ctx: &OpCtx, input: &shape::UpdateServicePrimaryTaskSetRequest) -> Access {
        let resource = service_resource(ctx, Some(&input.cluster), &input.service);
        Access::new("ecs:UpdateServicePrimaryTaskSet", resource)
            .with("ecs:cluster", cluster_resource(ctx, Some(&input.cluster)))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::UpdateServicePrimaryTaskSetRequest,
    ) -> Result<shape::UpdateServicePrimaryTaskSetResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = task_sets::owner(&snapshot, &ctx.scope, &input.cluster, &input.service)?;
        let mut next = Service::clone(&found);
        let chosen = task_sets::find(&mut next, &input.primary_task_set)?;
        if chosen.status == TaskSetStatus::Draining {
            return Err(Error::InvalidParameter("The task set is being deleted.".into()).into());
        }
        let chosen = chosen.revision.clone();
        for set in next.task_sets.iter_mut().filter(|set| set.status != TaskSetStatus::Draining) {
            let status = if set.revision == chosen { TaskSetStatus::Primary } else { TaskSetStatus::Active };
            if set.status != status {
                (set.status, set.updated_at) = (status, ctx.now);
            }
        }
        if next != found.row.0 {
            let txn = Txn::new().update(&found, &ServiceRow(next.clone()));
            ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        }
        let set = task_sets::find(&mut next, &input.primary_task_set)?.clone();
        let shown = task_sets::write(&ctx.cloud.store.snapshot(), &next, &set, false);
        Ok(shape::UpdateServicePrimaryTaskSetResponse { task_set: Some(shown) })
    }
}
