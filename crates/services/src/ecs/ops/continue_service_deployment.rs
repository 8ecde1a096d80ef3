//! ContinueServiceDeployment: says how a deployment that a hook holds goes on. The scheduler does it.

use model::ecs::deployment::ServiceDeployment;
use model::ecs::lifecycle::{HookAction, HookStatus};
use store::Txn;
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::of_service;
use crate::ecs::error::Error;
use crate::ecs::service_view;
use crate::ecs::store::{ServiceDeploymentRow, ServiceRow};
use crate::ecs::wire::service::word;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::ContinueServiceDeployment {
    fn access(_: &OpCtx, input: &shape::ContinueServiceDeploymentRequest) -> Access {
        let arn = &input.service_deployment_arn;
        of_service(Access::new("ecs:ContinueServiceDeployment", arn), std::slice::from_ref(arn))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::ContinueServiceDeploymentRequest,
    ) -> Result<shape::ContinueServiceDeploymentResponse, ServiceError> {
        let arn = input.service_deployment_arn;
        let action = input.action.as_deref().map(|raw| word("action", raw)).transpose()?;
        let snapshot = ctx.cloud.store.snapshot();
        let found = service_view::find_record(&snapshot, &ctx.scope, &arn)?;
        let (owner, found) = found.ok_or(Error::ServiceDeploymentNotFound)?;
        let mut record = ServiceDeployment::clone(&found);
        let is_held = !record.status.is_final() && record.rollback.is_none();
        let runs = record.lifecycle.iter_mut().flat_map(|lifecycle| &mut lifecycle.hooks);
        let run = runs
            .filter(|run| run.id == input.hook_id)
            .find(|run| is_held && run.status == HookStatus::AwaitingAction && run.expires_at > ctx.now);
        let Some(run) = run else {
            let text = format!("The lifecycle hook {} does not wait for an action.", input.hook_id);
            return Err(Error::InvalidParameter(text).into());
        };
        run.status = match action.unwrap_or(HookAction::Continue) {
            HookAction::Continue => HookStatus::Succeeded,
            HookAction::Rollback => HookStatus::Failed,
        };
        record.updated_at = ctx.now;
        // The service is written again so that the scheduler looks at it.
        let txn = Txn::new()
            .update(&found, &ServiceDeploymentRow(record))
            .update(&owner, &ServiceRow(owner.row.0.clone()));
        ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        Ok(shape::ContinueServiceDeploymentResponse { service_deployment_arn: Some(arn) })
    }
}
