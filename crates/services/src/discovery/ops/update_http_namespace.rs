//! UpdateHttpNamespace: its description.

use ::wire::servicediscovery as shapes;
use model::discovery::NamespaceKind;
use store::Txn;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::operations;
use crate::discovery::store::{self as tables, NamespaceRow};
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::UpdateHttpNamespace {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:UpdateHttpNamespace", wire::arn(ctx, "namespace", &input.id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let namespace = tables::namespace(&snapshot, &ctx.scope, &input.id)?;
        let mut new = namespace.row.0.clone();
        if new.kind != NamespaceKind::Http {
            return Err(Error::Input("The namespace is not an HTTP namespace.".into()).into());
        }
        new.description = Some(input.namespace.description);
        let operation = operations::namespace(ctx, "UPDATE_NAMESPACE", &namespace.id);
        let operation_id = Some(operation.id.clone());
        let txn = Txn::new().update(&namespace, &NamespaceRow(new));
        let txn = tables::keep(&snapshot, txn, operation);
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output { operation_id })
    }
}
