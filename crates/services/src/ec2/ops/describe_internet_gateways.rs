//! DescribeInternetGateways: each VPC has a way out through the node.
//!
//! Deviation: the gateway of a VPC is made with it and cannot be detached.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::describe::{Fitting, of_each_vpc, page};
use crate::ec2::error::Error;
use crate::ec2::{dry_run, shown};
use crate::error::ServiceError;
use crate::room::Handler;

const FITTING: Fitting<shapes::InternetGateway> =
    Fitting { kind: "igw", render: shown::internet_gateway, facts, missing: Error::InternetGatewayNotFound };

impl Handler for shapes::DescribeInternetGateways {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ec2:DescribeInternetGateways")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        let found = of_each_vpc(ctx, &FITTING, input.internet_gateway_ids, input.filters).await?;
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
