//! GetTaskProtection: which tasks of services scale-in and deployments leave alone, and until when.

use model::Timestamp;
use model::ecs::{ClusterName, Task, TaskId};
use store::{Snapshot, Versioned, key};
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::task_resource;
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, missing};
use crate::ecs::rules::identifier;
use crate::ecs::store::{TaskRow, active_cluster};
use crate::error::ServiceError;
use crate::room::Handler;

/// The most tasks of one request.
const MAX_TASKS: usize = 100;

impl Handler for shape::GetTaskProtection {
    fn access(ctx: &OpCtx, input: &shape::GetTaskProtectionRequest) -> Access {
        let cluster = Some(input.cluster.as_str());
        let tasks = input.tasks.iter().flatten().map(|raw| task_resource(ctx, cluster, raw));
        Access::each("ecs:GetTaskProtection", tasks).with("ecs:cluster", cluster_resource(ctx, cluster))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::GetTaskProtectionRequest,
    ) -> Result<shape::GetTaskProtectionResponse, ServiceError> {
        let tasks = input.tasks.unwrap_or_default();
        if tasks.len() > MAX_TASKS {
            return Err(Error::InvalidParameter("Tasks cannot be more than 100.".into()).into());
        }
        let snapshot = ctx.cloud.store.snapshot();
        let cluster = identifier::cluster(Some(&input.cluster), &ctx.scope)?;
        active_cluster(&snapshot, &ctx.scope, &cluster)?;
        let (mut shown, mut failures) = (Vec::new(), Vec::new());
        for raw in tasks {
            match find(ctx, &snapshot, &cluster, &raw)? {
                Ok(task) => shown.push(protected(&task, ctx.now)),
                Err(failure) => failures.push(failure),
            }
        }
        Ok(shape::GetTaskProtectionResponse { protected_tasks: Some(shown), failures: Some(failures) })
    }
}

/// The running task of a service that `raw` names, or why it can have no protection.
pub(crate) fn find(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    cluster: &ClusterName,
    raw: &str,
) -> Result<Result<Versioned<TaskRow>, shape::Failure>, Error> {
    let Some(id) = identifier::task(raw, &ctx.scope, cluster)? else { return Ok(Err(missing(raw))) };
    let arn = TaskId::arn(&id, &ctx.scope, cluster);
    let found = snapshot.get::<TaskRow>(&key![ctx.scope, cluster.as_str(), id.as_str()]);
    let Some(found) = found.filter(|task| !task.seen.last_status.is_ended()) else {
        return Ok(Err(missing(arn)));
    };
    if found.spec.service.is_none() {
        let reason = Some("TASK_NOT_VALID".to_owned());
        return Ok(Err(shape::Failure { arn: Some(arn.to_string()), reason, detail: None }));
    }
    Ok(Ok(found))
}

/// A task's protection as it is at `now`.
pub(crate) fn protected(task: &Task, now: Timestamp) -> shape::ProtectedTask {
    let until = task.supervision.protected_until.filter(|until| *until > now);
    shape::ProtectedTask {
        task_arn: Some(task.arn().to_string()),
        protection_enabled: Some(until.is_some()),
        expiration_date: until.map(Timestamp::as_millis),
    }
}
