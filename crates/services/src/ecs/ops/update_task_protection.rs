//! UpdateTaskProtection: keeps scale-in and deployments from stopping tasks of services for a while.

use model::ecs::Task;
use store::Txn;
use wire::ecs as shape;

use super::get_task_protection::{find, protected};
use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::task_resource;
use crate::ecs::error::Error;
use crate::ecs::ops::cluster_resource;
use crate::ecs::protection::lasting;
use crate::ecs::rules::identifier;
use crate::ecs::store::{TaskRow, active_cluster};
use crate::error::ServiceError;
use crate::room::Handler;

/// The most tasks of one request.
const MAX_TASKS: usize = 10;
impl Handler for shape::UpdateTaskProtection {
    fn access(ctx: &OpCtx, input: &shape::UpdateTaskProtectionRequest) -> Access {
        let cluster = Some(input.cluster.as_str());
        let tasks = input.tasks.iter().map(|raw| task_resource(ctx, cluster, raw));
        Access::each("ecs:UpdateTaskProtection", tasks).with("ecs:cluster", cluster_resource(ctx, cluster))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::UpdateTaskProtectionRequest,
    ) -> Result<shape::UpdateTaskProtectionResponse, ServiceError> {
        if input.tasks.is_empty() || input.tasks.len() > MAX_TASKS {
            let text = if input.tasks.is_empty() { "empty" } else { "more than 10" };
            return Err(Error::InvalidParameter(format!("Tasks cannot be {text}.")).into());
        }
        let until = ctx.now + lasting(input.expires_in_minutes)?;
        let until = input.protection_enabled.then_some(until);
        let snapshot = ctx.cloud.store.snapshot();
        let cluster = identifier::cluster(Some(&input.cluster), &ctx.scope)?;
        active_cluster(&snapshot, &ctx.scope, &cluster)?;
        let (mut txn, mut shown, mut failures) = (Txn::new(), Vec::new(), Vec::new());
        for raw in input.tasks {
            match find(ctx, &snapshot, &cluster, &raw)? {
                Ok(found) => {
                    let mut task = Task::clone(&found);
                    task.supervision.protected_until = until;
                    shown.push(protected(&task, ctx.now));
                    txn = txn.update(&found, &TaskRow(task));
                }
                Err(failure) => failures.push(failure),
            }
        }
        if !txn.is_read_only() {
            ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        }
        Ok(shape::UpdateTaskProtectionResponse { protected_tasks: Some(shown), failures: Some(failures) })
    }
}
