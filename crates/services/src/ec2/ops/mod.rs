//! One file an operation.

mod describe_availability_zones;
mod describe_network_interfaces;
mod describe_regions;
mod describe_security_groups;
mod describe_subnets;
mod describe_vpcs;

use super::default_vpc;
use super::error::Error;
use crate::context::OpCtx;

/// Gives the scope its default VPC before it is described.
async fn ensure_default_vpc(ctx: &OpCtx) -> Result<(), Error> {
    let pool = ctx.cloud.settings.network_pool;
    let mut ids = ctx.ids.clone();
    default_vpc::ensure(&ctx.cloud.store, &ctx.scope, pool, &mut ids).await
}
