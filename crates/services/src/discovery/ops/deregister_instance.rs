//! DeregisterInstance: an instance is asked for no more.

use ::wire::servicediscovery as shapes;
use store::{Txn, key};

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::door;
use crate::discovery::error::Error;
use crate::discovery::operations;
use crate::discovery::store::{self as tables, InstanceRow};
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeregisterInstance {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:DeregisterInstance", wire::arn(ctx, "service", &input.service_id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let service = tables::service(&snapshot, &ctx.scope, &input.service_id)?;
        if snapshot.get::<InstanceRow>(&key![ctx.scope, service.id, input.instance_id]).is_none() {
            return Err(Error::InstanceNotFound(input.instance_id).into());
        }
        let (id, instance) = (&service.id, &input.instance_id);
        let txn = door::deregister_instance(&snapshot, Txn::new(), &ctx.scope, id, instance);
        let operation = operations::instance(ctx, "DEREGISTER_INSTANCE", id, instance);
        let operation_id = Some(operation.id.clone());
        let txn = tables::keep(&snapshot, txn, operation);
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output { operation_id })
    }
}
