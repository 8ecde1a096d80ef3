//! DescribeAccountAttributes: that VPCs are all there is, which one is the default, and a VPC's limits.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::error::Error;
use crate::ec2::{dry_run, store as tables};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeAccountAttributes {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ec2:DescribeAccountAttributes")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let default = tables::default_vpc(&ctx.cloud.store.snapshot(), &ctx.scope);
        let default = default.map_or_else(|| "none".to_owned(), |vpc| vpc.id.clone());
        let all = [
            ("supported-platforms", "VPC".to_owned()),
            ("default-vpc", default),
            ("vpc-max-security-groups-per-interface", "5".to_owned()),
        ];
        let named = input.attribute_names.unwrap_or_default();
        if let Some(unknown) = named.iter().find(|name| !all.iter().any(|(known, _)| known == name)) {
            return Err(Error::Parameter(format!("Unknown account attribute '{unknown}'.")).into());
        }
        let shape = |(name, value): (&str, String)| shapes::AccountAttribute {
            attribute_name: Some(name.into()),
            attribute_values: Some(vec![shapes::AccountAttributeValue { attribute_value: Some(value) }]),
        };
        let chosen =
            all.into_iter().filter(|(name, _)| named.is_empty() || named.iter().any(|it| it == name));
        Ok(Self::Output { account_attributes: Some(chosen.map(shape).collect()) })
    }
}
