//! DescribeRegions: the regions that the caller's account has.
//!
//! Every region name is a region here, since scopes are made by use; listed are AWS's enabled-by-default
//! ones and the caller's own.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::describe::passes;
use crate::ec2::dry_run;
use crate::ec2::error::Error;
use crate::error::ServiceError;
use crate::room::Handler;

/// The regions that every AWS account has without opting in.
const REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

impl Handler for shapes::DescribeRegions {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ec2:DescribeRegions")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        let mut names: Vec<&str> = REGIONS.to_vec();
        if !names.contains(&ctx.scope.region.as_str()) {
            names.push(ctx.scope.region.as_str());
        }
        if let Some(unknown) =
            input.region_names.iter().flatten().find(|name| !names.contains(&name.as_str()))
        {
            return Err(Error::UnknownRegion(unknown.clone()).into());
        }
        let mut regions = Vec::new();
        for name in names {
            let shape = shapes::Region {
                region_name: Some(name.to_owned()),
                endpoint: Some(format!("ec2.{name}.amazonaws.com")),
                opt_in_status: Some("opt-in-not-required".into()),
                geography: None,
            };
            let named =
                input.region_names.as_ref().is_none_or(|all| all.is_empty() || all.iter().any(|n| n == name));
            if named && passes(input.filters.as_deref(), &[], &|filter| facts(&shape, filter))? {
                regions.push(shape);
            }
        }
        Ok(Self::Output { regions: Some(regions) })
    }
}

fn facts(shape: &shapes::Region, name: &str) -> Option<Vec<String>> {
    let text = |value: &Option<String>| value.clone().into_iter().collect();
    Some(match name {
        "endpoint" => text(&shape.endpoint),
        "opt-in-status" => text(&shape.opt_in_status),
        "region-name" => text(&shape.region_name),
        _unknown => return None,
    })
}
