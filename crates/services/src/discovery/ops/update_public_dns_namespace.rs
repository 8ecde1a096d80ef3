//! UpdatePublicDnsNamespace: there is none to update.

use ::wire::servicediscovery as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::store as tables;
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::UpdatePublicDnsNamespace {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:UpdatePublicDnsNamespace", wire::arn(ctx, "namespace", &input.id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        tables::namespace(&snapshot, &ctx.scope, &input.id)?;
        Err(Error::Input("The namespace is not a public DNS namespace.".into()).into())
    }
}
