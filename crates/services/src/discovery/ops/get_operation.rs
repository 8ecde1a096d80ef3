//! GetOperation: how a change went. It is done by the time it is answered.

use ::wire::servicediscovery as shapes;
use store::key;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::store::OperationRow;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetOperation {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("servicediscovery:GetOperation")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let found = ctx.cloud.store.snapshot().get::<OperationRow>(&key![ctx.scope, input.operation_id]);
        let operation = found.ok_or_else(|| Error::OperationNotFound(input.operation_id.clone()))?;
        Ok(Self::Output {
            operation: Some(shapes::Operation {
                id: Some(operation.id.clone()),
                owner_account: Some(operation.scope.account.to_string()),
                r#type: Some(operation.kind.clone()),
                status: Some("SUCCESS".into()),
                create_date: Some(operation.at.as_millis()),
                update_date: Some(operation.at.as_millis()),
                targets: Some(operation.targets.clone()),
                ..shapes::Operation::default()
            }),
        })
    }
}
