//! DeregisterTaskDefinition: a revision becomes INACTIVE. What runs from it goes on.

use model::ecs::TaskDefinition;
use model::ecs::task_definition::TaskDefinitionStatus;
use store::Txn;
use wire::ecs::{
    DeregisterTaskDefinition, DeregisterTaskDefinitionRequest, DeregisterTaskDefinitionResponse,
};

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::rules::identifier;
use crate::ecs::store::{TaskDefinitionRow, task_definition};
use crate::ecs::wire::task_definition::write_task_definition;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for DeregisterTaskDefinition {
    fn access(_: &OpCtx, _: &DeregisterTaskDefinitionRequest) -> Access {
        Access::any("ecs:DeregisterTaskDefinition")
    }

    async fn run(
        ctx: &OpCtx,
        input: DeregisterTaskDefinitionRequest,
    ) -> Result<DeregisterTaskDefinitionResponse, ServiceError> {
        let missing = || Error::Client("The specified task definition does not exist.".into());
        let reference =
            identifier::task_definition(&input.task_definition, &ctx.scope)?.ok_or_else(missing)?;
        let id = reference
            .id()
            .ok_or_else(|| Error::Client("A revision of the task definition must be specified.".into()))?;
        let found = task_definition(&ctx.cloud.store.snapshot(), &ctx.scope, &id).ok_or_else(missing)?;
        let mut row = TaskDefinitionRow(TaskDefinition::clone(&found));
        if row.status == TaskDefinitionStatus::Active {
            row.0.status = TaskDefinitionStatus::Inactive;
            row.0.deregistered_at = Some(ctx.now);
            ctx.cloud.store.commit(Txn::new().update(&found, &row)).await.map_err(Error::from)?;
        }
        Ok(DeregisterTaskDefinitionResponse { task_definition: Some(write_task_definition(&row)) })
    }
}
