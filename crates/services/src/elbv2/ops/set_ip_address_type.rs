//! SetIpAddressType: load balancers have IPv4 addresses.

use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::Error;
use crate::elbv2::find;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::SetIpAddressType {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:SetIpAddressType", &input.load_balancer_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        find::load_balancer(&snapshot, &ctx.scope, &input.load_balancer_arn)?;
        match input.ip_address_type.as_str() {
            "ipv4" => Ok(Self::Output { ip_address_type: Some("ipv4".into()) }),
            _other => Err(Error::unsupported("The IP address type of a load balancer must be 'ipv4'").into()),
        }
    }
}
