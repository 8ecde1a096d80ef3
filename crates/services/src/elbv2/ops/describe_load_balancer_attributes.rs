//! DescribeLoadBalancerAttributes.

use model::elbv2::{LoadBalancer, attribute};
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::find;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeLoadBalancerAttributes {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("elasticloadbalancing:DescribeLoadBalancerAttributes")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = find::load_balancer(&snapshot, &ctx.scope, &input.load_balancer_arn)?;
        Ok(Self::Output { attributes: Some(attributes(&found)) })
    }
}

/// Every attribute of a load balancer with its value.
pub(super) fn attributes(it: &LoadBalancer) -> Vec<shapes::LoadBalancerAttribute> {
    let all = it.attributes.effective(attribute::of_load_balancer(it.id.kind));
    all.map(|(key, value)| shapes::LoadBalancerAttribute {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    })
    .collect()
}
