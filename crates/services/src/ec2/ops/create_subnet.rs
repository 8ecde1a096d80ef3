//! CreateSubnet: a part of a VPC in one zone.
//!
//! Deviation: IPv6, IPAM pools and outposts are refused.

use model::ec2::{Cidr, Subnet, Vpc};
use store::{Snapshot, Txn};
use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::default_vpc::ZONES;
use crate::ec2::error::Error;
use crate::ec2::store::{self as tables, SubnetRow, VpcRow};
use crate::ec2::{dry_run, tags, wire as render};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CreateSubnet {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        let access = Access::new("ec2:CreateSubnet", ctx.arn("ec2", "subnet/*"));
        access.and_on(ctx.arn("ec2", format!("vpc/{}", input.vpc_id)))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        refuse(&input)?;
        let tags = tags::specified(input.tag_specifications.as_deref(), "subnet")?;
        let snapshot = ctx.cloud.store.snapshot();
        let vpc = tables::find::<VpcRow>(&snapshot, &ctx.scope, &input.vpc_id)
            .ok_or_else(|| Error::VpcNotFound(input.vpc_id.clone()))?;
        let cidr = read(&snapshot, &vpc, input.cidr_block.as_deref())?;
        let zone = zone(ctx, &snapshot, &vpc, &input)?;
        let subnet = Subnet {
            scope: ctx.scope.clone(),
            id: format!("subnet-{}", ctx.ids.hex(17)),
            vpc_id: vpc.id.clone(),
            cidr,
            availability_zone: zone,
            default_for_az: false,
            map_public_ip: false,
            tags,
        };
        // The VPC's record is written anew, so that two overlapping subnets or a deletion cannot pass each other.
        let same = vpc.row.as_ref().clone();
        let txn = Txn::new().update(&vpc, &same).insert(&SubnetRow(subnet.clone()));
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output { subnet: Some(render::subnet(&subnet, 0)) })
    }
}

fn read(snapshot: &Snapshot, vpc: &Vpc, raw: Option<&str>) -> Result<Cidr, Error> {
    let raw = raw.ok_or(Error::Missing("cidrBlock"))?;
    let malformed = || Error::InvalidValue {
        parameter: "cidrBlock",
        value: raw.to_owned(),
        reason: "This is not a valid CIDR block.",
    };
    let cidr = Cidr::canonical(raw).map_err(|_| malformed())?;
    if !(16..=28).contains(&cidr.prefix()) || !vpc.cidr.covers(cidr) {
        return Err(Error::SubnetRange(raw.to_owned()));
    }
    let others = tables::all::<SubnetRow>(snapshot, &vpc.scope);
    if others.iter().any(|other| other.vpc_id == vpc.id && other.cidr.overlaps(cidr)) {
        return Err(Error::SubnetConflict(raw.to_owned()));
    }
    Ok(cidr)
}

/// The zone that the request names, or the one in which the VPC has the fewest subnets.
fn zone(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    vpc: &Vpc,
    input: &shapes::CreateSubnetRequest,
) -> Result<String, Error> {
    let mut zones: Vec<_> = ZONES.iter().map(|letter| format!("{}{letter}", ctx.scope.region)).collect();
    let named = |zone: &String| match (&input.availability_zone, &input.availability_zone_id) {
        (Some(name), _) => zone == name,
        (None, Some(id)) => render::zone_id(&ctx.scope, zone) == *id,
        (None, None) => true,
    };
    zones.retain(named);
    let subnets = tables::all::<SubnetRow>(snapshot, &ctx.scope);
    let used = |zone: &String| {
        subnets.iter().filter(|it| it.vpc_id == vpc.id && it.availability_zone == *zone).count()
    };
    let asked = input.availability_zone.clone().or_else(|| input.availability_zone_id.clone());
    zones.into_iter().min_by_key(used).ok_or_else(|| Error::InvalidValue {
        parameter: "availabilityZone",
        value: asked.unwrap_or_default(),
        reason: "Subnets can currently only be created in the zones of the region.",
    })
}

fn refuse(input: &shapes::CreateSubnetRequest) -> Result<(), Error> {
    let ipv6 = input.ipv6_cidr_block.is_some()
        || input.ipv6_native == Some(true)
        || input.ipv6_ipam_pool_id.is_some()
        || input.ipv6_netmask_length.is_some();
    if ipv6 {
        return Err(Error::Unsupported("IPv6 is not supported in subnets."));
    }
    if input.ipv4_ipam_pool_id.is_some() || input.ipv4_netmask_length.is_some() {
        return Err(Error::Unsupported("IPAM pools are not supported: name the cidrBlock."));
    }
    if input.outpost_arn.is_some() {
        return Err(Error::Unsupported("Outposts are not supported."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn subnets_lie_in_their_vpc_and_not_in_each_other() {
        let ctx = testing::ctx().await;
        let input = shapes::CreateVpcRequest { cidr_block: Some("10.0.0.0/16".into()), ..Default::default() };
        let vpc_id = shapes::CreateVpc::run(&ctx, input).await.unwrap().vpc.unwrap().vpc_id.unwrap();
        let create = async |cidr: &str| {
            let cidr_block = Some(cidr.to_owned());
            let input =
                shapes::CreateSubnetRequest { vpc_id: vpc_id.clone(), cidr_block, ..Default::default() };
            let answer = shapes::CreateSubnet::run(&ctx, input).await.map_err(|error| error.code)?;
            Ok::<_, String>(answer.subnet.and_then(|subnet| subnet.availability_zone).unwrap_or_default())
        };
        assert_eq!(create("10.0.0.0/24").await, Ok("us-east-2a".into()));
        assert_eq!(create("10.0.1.0/24").await, Ok("us-east-2b".into()));
        assert_eq!(create("10.0.1.128/25").await, Err("InvalidSubnet.Conflict".into()));
        assert_eq!(create("10.1.0.0/24").await, Err("InvalidSubnet.Range".into()));
        assert_eq!(create("10.0.2.0/29").await, Err("InvalidSubnet.Range".into()));
    }
}
