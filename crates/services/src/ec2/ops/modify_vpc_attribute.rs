//! ModifyVpcAttribute: whether tasks of the VPC are served names.
//!
//! Deviation: `enableDnsHostnames` is kept and shown and changes no name: no address is public here.
//! `enableNetworkAddressUsageMetrics` cannot be switched on.

use store::Txn;
use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::error::Error;
use crate::ec2::store::{self as tables, VpcRow};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ModifyVpcAttribute {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("ec2:ModifyVpcAttribute", ctx.arn("ec2", format!("vpc/{}", input.vpc_id)))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        super::ensure_default_vpc(ctx).await?;
        let value = |given: &Option<shapes::AttributeBooleanValue>| given.as_ref().and_then(|it| it.value);
        let (support, hostnames) = (value(&input.enable_dns_support), value(&input.enable_dns_hostnames));
        let metrics = value(&input.enable_network_address_usage_metrics);
        if metrics == Some(true) {
            return Err(Error::Unsupported("Network address usage metrics are not supported.").into());
        }
        match [support, hostnames, metrics].iter().flatten().count() {
            0 => return Err(Error::Missing("enableDnsSupport or enableDnsHostnames").into()),
            1 => {}
            _several => {
                return Err(Error::Combination("Fields for multiple attribute types specified").into());
            }
        }
        let snapshot = ctx.cloud.store.snapshot();
        let vpc = tables::find::<VpcRow>(&snapshot, &ctx.scope, &input.vpc_id)
            .ok_or_else(|| Error::VpcNotFound(input.vpc_id.clone()))?;
        let mut new = vpc.row.0.clone();
        new.dns_support = support.unwrap_or(new.dns_support);
        new.dns_hostnames = hostnames.unwrap_or(new.dns_hostnames);
        let txn = Txn::new().update(&vpc, &VpcRow(new));
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output::default())
    }
}
