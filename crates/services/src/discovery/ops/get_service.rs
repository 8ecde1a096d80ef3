//! GetService: one service by its id.

use ::wire::servicediscovery as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::store as tables;
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetService {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:GetService", wire::arn(ctx, "service", &input.id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let service = tables::service(&snapshot, &ctx.scope, &input.id)?;
        let instances = tables::instance_count(&snapshot, &service);
        Ok(Self::Output { service: Some(wire::service(&service, instances)) })
    }
}
