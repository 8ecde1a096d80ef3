//! One file an operation.

mod authorize_security_group_egress;
mod authorize_security_group_ingress;
mod create_security_group;
mod create_subnet;
mod create_tags;
mod create_vpc;
mod delete_security_group;
mod delete_subnet;
mod delete_tags;
mod delete_vpc;
mod describe_account_attributes;
mod describe_availability_zones;
mod describe_internet_gateways;
mod describe_network_acls;
mod describe_network_interfaces;
mod describe_regions;
mod describe_route_tables;
mod describe_security_group_rules;
mod describe_security_groups;
mod describe_subnets;
mod describe_tags;
mod describe_vpc_attribute;
mod describe_vpcs;
mod modify_security_group_rules;
mod modify_subnet_attribute;
mod modify_vpc_attribute;
mod revoke_security_group_egress;
mod revoke_security_group_ingress;
mod update_security_group_rule_descriptions_egress;
mod update_security_group_rule_descriptions_ingress;

use super::default_vpc;
use super::error::Error;
use crate::access::Access;
use crate::context::OpCtx;

/// Gives the scope its default VPC before it is described.
pub(super) async fn ensure_default_vpc(ctx: &OpCtx) -> Result<(), Error> {
    let pool = ctx.cloud.settings.network_pool;
    let mut ids = ctx.ids.clone();
    default_vpc::ensure(&ctx.cloud.store, &ctx.scope, pool, &mut ids).await
}

/// An action on a security group.
fn on_group(action: &'static str, ctx: &OpCtx, id: Option<&str>) -> Access {
    Access::new(action, ctx.arn("ec2", format!("security-group/{}", id.unwrap_or("*"))))
}

/// An action on the tags of resources: on the one when it is one.
fn on_tagged(action: &'static str, ctx: &OpCtx, ids: &[String]) -> Access {
    let kind = |id: &str| match id.split('-').next() {
        Some("sg") => "security-group",
        Some("sgr") => "security-group-rule",
        Some("subnet") => "subnet",
        Some("vpc") => "vpc",
        Some(_) | None => "*",
    };
    match ids {
        [id] => Access::new(action, ctx.arn("ec2", format!("{}/{id}", kind(id)))),
        _several => Access::new(action, ctx.arn("ec2", "*/*")),
    }
}

/// Ids without repetitions: a transaction changes a record once.
fn distinct(ids: &[String]) -> std::collections::BTreeSet<&str> {
    ids.iter().map(String::as_str).collect()
}
