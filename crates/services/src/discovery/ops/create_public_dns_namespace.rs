//! CreatePublicDnsNamespace: refused: no zone of this Longshore is public.

use ::wire::servicediscovery as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CreatePublicDnsNamespace {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("servicediscovery:CreatePublicDnsNamespace")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let _ = (ctx, input);
        let text = "Public DNS namespaces are not supported: use a private DNS or an HTTP namespace.";
        Err(Error::Input(text.into()).into())
    }
}
