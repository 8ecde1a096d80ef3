//! SetSubnets.

use model::elbv2::{LoadBalancer, LoadBalancerSubnet};
use store::Txn;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::store::LoadBalancerRow;
use crate::elbv2::wire::load_balancer::{subnet_ids, zones};
use crate::elbv2::{find, placement};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::SetSubnets {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:SetSubnets", &input.load_balancer_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = find::load_balancer(&snapshot, &ctx.scope, &input.load_balancer_arn)?;
        if input.ip_address_type.as_deref().is_some_and(|kind| kind != "ipv4")
            || input.enable_prefix_for_ipv6_source_nat.as_deref() == Some("on")
        {
            return Err(Error::unsupported("The IP address type of a load balancer must be 'ipv4'").into());
        }
        let ids = subnet_ids(input.subnets, input.subnet_mappings)?;
        let place = placement::place(&snapshot, &ctx.scope, found.id.kind, &ids)?;
        if place.vpc_id != found.vpc_id {
            return Err(Error::client(
                Code::InvalidSubnet,
                format!("The subnets must be in the VPC '{}' of the load balancer", found.vpc_id),
            )
            .into());
        }
        // Subnets that stay keep their interfaces.
        let kept = |id: &str| found.subnets.iter().find(|known| known.subnet_id == id).cloned();
        let subnets = place.subnets.into_iter().map(|new| kept(&new.subnet_id).unwrap_or(new)).collect();
        let next = LoadBalancer { subnets, ..found.row.0.clone() };
        let left = |known: &&LoadBalancerSubnet| !ids.contains(&known.subnet_id);
        let left: Vec<_> = found.subnets.iter().filter(left).cloned().collect();
        let txn = placement::release(&snapshot, Txn::new(), &found, &left);
        let (txn, subnets) = placement::lease(&snapshot, txn, &next, ctx.now, &mut ctx.ids.clone())?;
        let row = LoadBalancerRow(LoadBalancer { subnets, ..next });
        ctx.cloud.store.commit(txn.update(&found, &row)).await.map_err(Error::from)?;
        Ok(Self::Output {
            availability_zones: Some(zones(&row)),
            ip_address_type: Some("ipv4".into()),
            enable_prefix_for_ipv6_source_nat: None,
        })
    }
}
