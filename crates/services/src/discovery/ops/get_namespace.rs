//! GetNamespace: one namespace by its id.

use ::wire::servicediscovery as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::store as tables;
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetNamespace {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:GetNamespace", wire::arn(ctx, "namespace", &input.id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let namespace = tables::namespace(&snapshot, &ctx.scope, &input.id)?;
        let services = tables::services_of(&snapshot, &namespace).len();
        Ok(Self::Output { namespace: Some(wire::namespace(&namespace, services)) })
    }
}
