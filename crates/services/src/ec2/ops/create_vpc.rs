//! CreateVpc: a network of its own, with a default security group.
//!
//! Deviation: a block that overlaps another VPC, of any account or region, or a network that the machine itself is
//! in, is refused with `CidrConflict`: the machine's own routes lead to every VPC.
//! Deviation: IPv6, IPAM pools, dedicated tenancy and encryption controls are refused.

use model::ec2::{Cidr, Vpc};
use store::Txn;
use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::error::Error;
use crate::ec2::store::{SecurityGroupRow, VpcRow};
use crate::ec2::{blocks, dry_run, groups, tags, wire as render};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CreateVpc {
    fn access(ctx: &OpCtx, _: &Self::Input) -> Access {
        Access::new("ec2:CreateVpc", ctx.arn("ec2", "vpc/*"))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        refuse(&input)?;
        let cidr = read(input.cidr_block.as_deref())?;
        let tags = tags::specified(input.tag_specifications.as_deref(), "vpc")?;
        if let Some(network) =
            ctx.cloud.settings.machine_networks.list().into_iter().find(|it| it.overlaps(cidr))
        {
            let other = format!("the network {network} of the machine");
            return Err(Error::VpcConflict { cidr: cidr.to_string(), other }.into());
        }
        let snapshot = ctx.cloud.store.snapshot();
        let mut ids = ctx.ids.clone();
        let vpc = Vpc {
            scope: ctx.scope.clone(),
            id: format!("vpc-{}", ctx.ids.hex(17)),
            cidr,
            is_default: false,
            dns_support: true,
            dns_hostnames: false,
            tags,
        };
        let group = groups::default_group(&vpc, &mut ids);
        let txn = blocks::claim(&snapshot, Txn::new(), &vpc)?
            .insert(&VpcRow(vpc.clone()))
            .insert(&SecurityGroupRow(group));
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output { vpc: Some(render::vpc(&vpc)) })
    }
}

/// A VPC's block: a /16 to a /28, made canonical as EC2 does.
fn read(raw: Option<&str>) -> Result<Cidr, Error> {
    let raw = raw.ok_or(Error::Missing("cidrBlock"))?;
    let malformed = || Error::InvalidValue {
        parameter: "cidrBlock",
        value: raw.to_owned(),
        reason: "This is not a valid CIDR block.",
    };
    let cidr = Cidr::canonical(raw).map_err(|_| malformed())?;
    if (16..=28).contains(&cidr.prefix()) { Ok(cidr) } else { Err(Error::VpcRange(raw.to_owned())) }
}

/// Refuses what no network here can be.
fn refuse(input: &shapes::CreateVpcRequest) -> Result<(), Error> {
    let ipv6 = input.amazon_provided_ipv6_cidr_block == Some(true)
        || input.ipv6_cidr_block.is_some()
        || input.ipv6_pool.is_some()
        || input.ipv6_ipam_pool_id.is_some()
        || input.ipv6_netmask_length.is_some()
        || input.ipv6_cidr_block_network_border_group.is_some();
    if ipv6 {
        return Err(Error::Unsupported("IPv6 is not supported in VPCs."));
    }
    if input.ipv4_ipam_pool_id.is_some() || input.ipv4_netmask_length.is_some() {
        return Err(Error::Unsupported("IPAM pools are not supported: name the cidrBlock."));
    }
    if input.vpc_encryption_control.is_some() {
        return Err(Error::Unsupported("Encryption controls are not supported."));
    }
    match input.instance_tenancy.as_deref() {
        None | Some("default") => Ok(()),
        Some(_) => Err(Error::Unsupported("Only the default instance tenancy is supported.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    async fn create(ctx: &OpCtx, cidr: &str) -> Result<String, String> {
        let input = shapes::CreateVpcRequest { cidr_block: Some(cidr.into()), ..Default::default() };
        let answer = shapes::CreateVpc::run(ctx, input).await.map_err(|error| error.to_string())?;
        Ok(answer.vpc.and_then(|vpc| vpc.cidr_block).unwrap_or_default())
    }

    #[tokio::test]
    async fn blocks_are_canonical_and_do_not_overlap() {
        let ctx = testing::ctx().await;
        assert_eq!(create(&ctx, "10.0.3.4/20").await, Ok("10.0.0.0/20".into()));
        assert_eq!(create(&ctx, "10.0.16.0/20").await, Ok("10.0.16.0/20".into()));
        let refusal = create(&ctx, "10.0.0.0/16").await.unwrap_err();
        assert!(refusal.starts_with("CidrConflict: The CIDR '10.0.0.0/16' conflicts with vpc-"), "{refusal}");
        assert!(create(&ctx, "10.0.0.0/8").await.unwrap_err().starts_with("InvalidVpc.Range: "));
        assert!(create(&ctx, "10.0").await.unwrap_err().starts_with("InvalidParameterValue: "));
    }
}
