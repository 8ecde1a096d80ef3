//! SetSecurityGroups.

use model::elbv2::{LoadBalancer, LoadBalancerKind};
use store::Txn;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2;
use crate::elbv2::error::Error;
use crate::elbv2::store::LoadBalancerRow;
use crate::elbv2::{find, placement};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::SetSecurityGroups {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:SetSecurityGroups", &input.load_balancer_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = find::load_balancer(&snapshot, &ctx.scope, &input.load_balancer_arn)?;
        if input.enforce_security_group_inbound_rules_on_private_link_traffic.is_some() {
            return Err(Error::unsupported("There is no PrivateLink here").into());
        }
        if input.security_groups.is_empty() {
            return Err(Error::validation("A security group must be specified").into());
        }
        if found.id.kind == LoadBalancerKind::Network && found.security_groups.is_empty() {
            return Err(Error::unsupported(
                "You cannot set security groups on a network load balancer that was created without any",
            )
            .into());
        }
        let (kind, vpc_id) = (found.id.kind, &found.vpc_id);
        let security_groups =
            placement::security_groups(&snapshot, &ctx.scope, kind, vpc_id, &input.security_groups)?;
        let row = LoadBalancerRow(LoadBalancer { security_groups, ..found.row.0.clone() });
        let interfaces = row.subnets.iter().filter_map(|subnet| subnet.interface.as_ref());
        let txn = interfaces.fold(Txn::new().update(&found, &row), |txn, interface| {
            let groups = &row.security_groups;
            ec2::interfaces::set_security_groups(&snapshot, txn, &ctx.scope, &interface.id, groups)
        });
        ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        Ok(Self::Output {
            security_group_ids: Some(row.security_groups.clone()),
            enforce_security_group_inbound_rules_on_private_link_traffic: None,
        })
    }
}
