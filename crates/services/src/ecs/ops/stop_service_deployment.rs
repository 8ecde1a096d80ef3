//! StopServiceDeployment: asks for the last completed revision back. The scheduler goes there.

use model::ecs::deployment::{ServiceDeployment, ServiceDeploymentStatus};
use model::ecs::lifecycle::LifecycleStage;
use store::Txn;
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::of_service;
use crate::ecs::error::Error;
use crate::ecs::service_view;
use crate::ecs::store::{ServiceDeploymentRow, ServiceRow};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::StopServiceDeployment {
    fn access(_: &OpCtx, input: &shape::StopServiceDeploymentRequest) -> Access {
        let arn = &input.service_deployment_arn;
        of_service(Access::new("ecs:StopServiceDeployment", arn), std::slice::from_ref(arn))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::StopServiceDeploymentRequest,
    ) -> Result<shape::StopServiceDeploymentResponse, ServiceError> {
        let arn = input.service_deployment_arn;
        if input.stop_type.as_deref() == Some("ABORT") {
            return Err(Error::InvalidParameter("The stop type ABORT is not supported.".into()).into());
        }
        let snapshot = ctx.cloud.store.snapshot();
        let found = service_view::find_record(&snapshot, &ctx.scope, &arn)?;
        let (owner, found) = found.ok_or(Error::ServiceDeploymentNotFound)?;
        if found.status.is_final() {
            let text = format!("The service deployment cannot be stopped because it is {}.", found.status);
            return Err(Error::Conflict(text).into());
        }
        let last_good =
            if found.configuration.strategy.shifts_traffic() { &found.serving } else { &owner.stable };
        if last_good.as_ref().is_none_or(|stable| *stable == found.target) {
            let text = "There is no completed service deployment to roll back to.";
            return Err(Error::Conflict(text.into()).into());
        }
        let stage = found.lifecycle.as_ref().map(|lifecycle| lifecycle.stage);
        if stage == Some(LifecycleStage::CleanUp) && found.rollback.is_none() {
            let text = "The service deployment cannot be stopped because it is in the stage CLEAN_UP.";
            return Err(Error::Conflict(text.into()).into());
        }
        let asked =
            matches!(found.status, ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress);
        if asked {
            let mut record = ServiceDeployment::clone(&found);
            record.status = ServiceDeploymentStatus::RollbackRequested;
            record.updated_at = ctx.now;
            // The service is written again so that the scheduler looks at it.
            let txn = Txn::new()
                .update(&found, &ServiceDeploymentRow(record))
                .update(&owner, &ServiceRow(owner.row.0.clone()));
            ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        }
        Ok(shape::StopServiceDeploymentResponse { service_deployment_arn: Some(arn) })
    }
}
