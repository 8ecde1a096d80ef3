//! RegisterInstance: an instance with what is known of it; the same id again changes it.

use ::wire::servicediscovery as shapes;
use store::Txn;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::door::{self, Registration};
use crate::discovery::error::Error;
use crate::discovery::operations;
use crate::discovery::store as tables;
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::RegisterInstance {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:RegisterInstance", wire::arn(ctx, "service", &input.service_id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let told = Registration {
            scope: &ctx.scope,
            service: &input.service_id,
            instance_id: &input.instance_id,
            attributes: input.attributes,
            creator_request_id: input.creator_request_id,
            now: ctx.now,
        };
        let txn = door::register_instance(&snapshot, Txn::new(), &told)?;
        let operation = operations::instance(ctx, "REGISTER_INSTANCE", &input.service_id, &input.instance_id);
        let operation_id = Some(operation.id.clone());
        let txn = tables::keep(&snapshot, txn, operation);
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output { operation_id })
    }
}
