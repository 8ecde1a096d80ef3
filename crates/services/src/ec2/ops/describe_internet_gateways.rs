//! DescribeInternetGateways: each VPC has a way out through the node.
//!
//! Deviation: the gateway of a VPC is made with it and cannot be detached.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::describe::{page, passes};
use crate::ec2::error::Error;
use crate::ec2::store::{self as tables, VpcRow};
use crate::ec2::{dry_run, shown};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeInternetGateways {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ec2:DescribeInternetGateways")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let snapshot = ctx.cloud.store.snapshot();
        let vpcs = tables::all::<VpcRow>(&snapshot, &ctx.scope);
        let all: Vec<_> =
            vpcs.iter().map(|vpc| (shown::id_of("igw", vpc), shown::internet_gateway(vpc))).collect();
        let named = input.internet_gateway_ids.unwrap_or_default();
        if let Some(missing) = named.iter().find(|id| !all.iter().any(|(known, _)| known == *id)) {
            return Err(Error::InternetGatewayNotFound(missing.clone()).into());
        }
        let mut found = Vec::new();
        for (id, shape) in all {
            let chosen = named.is_empty() || named.contains(&id);
            if chosen && passes(input.filters.as_deref(), &[], &|name| facts(&shape, name))? {
                found.push((id, shape));
            }
        }
        let (internet_gateways, next_token) = page(found, input.max_results, input.next_token.as_deref())?;
        Ok(Self::Output { internet_gateways: Some(internet_gateways), next_token })
    }
}

fn facts(shape: &shapes::InternetGateway, name: &str) -> Option<Vec<String>> {
    let text = |value: &Option<String>| value.clone().into_iter().collect();
    Some(match name {
        "attachment.state" => {
            shape.attachments.iter().flatten().filter_map(|attachment| attachment.state.clone()).collect()
        }
        "attachment.vpc-id" => {
            shape.attachments.iter().flatten().filter_map(|attachment| attachment.vpc_id.clone()).collect()
        }
        "internet-gateway-id" => text(&shape.internet_gateway_id),
        "owner-id" => text(&shape.owner_id),
        _unknown => return None,
    })
}
