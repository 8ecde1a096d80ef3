//! ModifyLoadBalancerAttributes.

use model::elbv2::{LoadBalancer, attribute};
use store::Txn;
use wire::elbv2 as shapes;

use super::describe_load_balancer_attributes::attributes as attributes_of;
use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::Error;
use crate::elbv2::find;
use crate::elbv2::store::LoadBalancerRow;
use crate::elbv2::wire::attribute as attribute_wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ModifyLoadBalancerAttributes {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:ModifyLoadBalancerAttributes", &input.load_balancer_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = find::load_balancer(&snapshot, &ctx.scope, &input.load_balancer_arn)?;
        let pairs = input.attributes.into_iter().map(|pair| (pair.key, pair.value));
        let known = attribute::of_load_balancer(found.id.kind);
        let attributes = attribute_wire::set(&found.attributes, known, pairs, "Load balancer")?;
        let row = LoadBalancerRow(LoadBalancer { attributes, ..found.row.0.clone() });
        ctx.cloud.store.commit(Txn::new().update(&found, &row)).await.map_err(Error::from)?;
        Ok(Self::Output { attributes: Some(attributes_of(&row)) })
    }
}
