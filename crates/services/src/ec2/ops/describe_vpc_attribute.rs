//! DescribeVpcAttribute.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::dry_run;
use crate::ec2::error::Error;
use crate::ec2::store::{self as tables, VpcRow};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeVpcAttribute {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("ec2:DescribeVpcAttribute", ctx.arn("ec2", format!("vpc/{}", input.vpc_id)))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let snapshot = ctx.cloud.store.snapshot();
        let vpc = tables::find::<VpcRow>(&snapshot, &ctx.scope, &input.vpc_id)
            .ok_or_else(|| Error::VpcNotFound(input.vpc_id.clone()))?;
        let answer = Self::Output { vpc_id: Some(vpc.id.clone()), ..Self::Output::default() };
        let value = |value: bool| Some(shapes::AttributeBooleanValue { value: Some(value) });
        Ok(match input.attribute.as_str() {
            "enableDnsSupport" => Self::Output { enable_dns_support: value(vpc.dns_support), ..answer },
            "enableDnsHostnames" => Self::Output { enable_dns_hostnames: value(vpc.dns_hostnames), ..answer },
            // No metrics are made of it.
            "enableNetworkAddressUsageMetrics" => {
                Self::Output { enable_network_address_usage_metrics: value(false), ..answer }
            }
            other => {
                let text = format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.");
                return Err(Error::Parameter(text).into());
            }
        })
    }
}
