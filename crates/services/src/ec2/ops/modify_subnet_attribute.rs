//! ModifySubnetAttribute: one attribute at a time.
//!
//! Deviation: `mapPublicIpOnLaunch` is kept and shown and concerns nobody: it is about instances, and ECS tasks say
//! `assignPublicIp` for themselves. All other attributes are refused.

use store::Txn;
use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::error::Error;
use crate::ec2::store::{self as tables, SubnetRow};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ModifySubnetAttribute {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("ec2:ModifySubnetAttribute", ctx.arn("ec2", format!("subnet/{}", input.subnet_id)))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        refuse(&input)?;
        let map = input.map_public_ip_on_launch.and_then(|attribute| attribute.value);
        let map = map.ok_or(Error::Missing("mapPublicIpOnLaunch"))?;
        let snapshot = ctx.cloud.store.snapshot();
        let subnet = tables::find::<SubnetRow>(&snapshot, &ctx.scope, &input.subnet_id)
            .ok_or_else(|| Error::SubnetNotFound(input.subnet_id.clone()))?;
        let mut new = subnet.row.0.clone();
        new.map_public_ip = map;
        let txn = Txn::new().update(&subnet, &SubnetRow(new));
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output::default())
    }
}

fn refuse(input: &shapes::ModifySubnetAttributeRequest) -> Result<(), Error> {
    let others = input.assign_ipv6_address_on_creation.is_some()
        || input.map_customer_owned_ip_on_launch.is_some()
        || input.customer_owned_ipv4_pool.is_some()
        || input.enable_dns64.is_some()
        || input.private_dns_hostname_type_on_launch.is_some()
        || input.enable_resource_name_dns_a_record_on_launch.is_some()
        || input.enable_resource_name_dns_aaaa_record_on_launch.is_some()
        || input.enable_lni_at_device_index.is_some()
        || input.disable_lni_at_device_index.is_some();
    if others && input.map_public_ip_on_launch.is_some() {
        return Err(Error::Combination("Fields for multiple attribute types specified"));
    }
    if others { Err(Error::Unsupported("Only mapPublicIpOnLaunch can be changed.")) } else { Ok(()) }
}
