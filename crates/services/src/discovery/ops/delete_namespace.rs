//! DeleteNamespace: only when it has no service.

use ::wire::servicediscovery as shapes;
use store::Txn;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::operations;
use crate::discovery::store as tables;
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeleteNamespace {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:DeleteNamespace", wire::arn(ctx, "namespace", &input.id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let namespace = tables::namespace(&snapshot, &ctx.scope, &input.id)?;
        if !tables::services_of(&snapshot, &namespace).is_empty() {
            return Err(Error::InUse("Namespace has associated services.").into());
        }
        let operation = operations::namespace(ctx, "DELETE_NAMESPACE", &namespace.id);
        let operation_id = Some(operation.id.clone());
        let txn = tables::keep(&snapshot, Txn::new().remove(&namespace), operation);
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output { operation_id })
    }
}
