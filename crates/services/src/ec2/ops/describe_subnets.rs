//! DescribeSubnets.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::describe::{page, passes};
use crate::ec2::error::Error;
use crate::ec2::{dry_run, store, wire as render};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeSubnets {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ec2:DescribeSubnets")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let snapshot = ctx.cloud.store.snapshot();
        let all = store::all::<store::SubnetRow>(&snapshot, &ctx.scope);
        if let Some(missing) =
            input.subnet_ids.iter().flatten().find(|id| !all.iter().any(|row| row.id == **id))
        {
            return Err(Error::SubnetNotFound(missing.clone()).into());
        }
        let mut found = Vec::new();
        for row in &all {
            let shape = render::subnet(row, store::leases(&snapshot, row));
            let named = input.subnet_ids.as_ref().is_none_or(|ids| ids.is_empty() || ids.contains(&row.id));
            let tags = shape.tags.as_deref().unwrap_or_default();
            if named && passes(input.filters.as_deref(), tags, &|name| facts(&shape, name))? {
                found.push((row.id.clone(), shape));
            }
        }
        let (subnets, next_token) = page(found, input.max_results, input.next_token.as_deref())?;
        Ok(Self::Output { subnets: Some(subnets), next_token })
    }
}

fn facts(shape: &shapes::Subnet, name: &str) -> Option<Vec<String>> {
    let text = |value: &Option<String>| value.clone().into_iter().collect();
    Some(match name {
        "availability-zone" | "availabilityZone" => text(&shape.availability_zone),
        "availability-zone-id" | "availabilityZoneId" => text(&shape.availability_zone_id),
        "available-ip-address-count" => {
            shape.available_ip_address_count.iter().map(ToString::to_string).collect()
        }
        "cidr" | "cidr-block" | "cidrBlock" => text(&shape.cidr_block),
        "default-for-az" | "defaultForAz" => vec![(shape.default_for_az == Some(true)).to_string()],
        "map-public-ip-on-launch" => vec![(shape.map_public_ip_on_launch == Some(true)).to_string()],
        "owner-id" => text(&shape.owner_id),
        "state" => text(&shape.state),
        "subnet-arn" => text(&shape.subnet_arn),
        "subnet-id" => text(&shape.subnet_id),
        "vpc-id" => text(&shape.vpc_id),
        _unknown => return None,
    })
}
