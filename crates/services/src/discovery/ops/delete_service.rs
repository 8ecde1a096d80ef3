//! DeleteService: only when no instance is registered.

use ::wire::servicediscovery as shapes;
use store::Txn;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::store as tables;
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeleteService {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:DeleteService", wire::arn(ctx, "service", &input.id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let service = tables::service(&snapshot, &ctx.scope, &input.id)?;
        if tables::instance_count(&snapshot, &service) > 0 {
            let text =
                "Service contains registered instances; delete the instances before deleting the service";
            return Err(Error::InUse(text).into());
        }
        ctx.cloud.store.commit(Txn::new().remove(&service)).await.map_err(Error::Store)?;
        Ok(Self::Output::default())
    }
}
