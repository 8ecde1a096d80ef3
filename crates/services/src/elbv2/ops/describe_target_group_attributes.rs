//! DescribeTargetGroupAttributes.

use model::elbv2::{TargetGroup, attribute};
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::find;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeTargetGroupAttributes {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("elasticloadbalancing:DescribeTargetGroupAttributes")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let group = find::target_group(&snapshot, &ctx.scope, &input.target_group_arn)?;
        Ok(Self::Output { attributes: Some(attributes(&group)) })
    }
}

/// Every attribute of a group with its value.
pub(super) fn attributes(group: &TargetGroup) -> Vec<shapes::TargetGroupAttribute> {
    let all = group.attributes.effective(attribute::of_target_group(group.protocol));
    all.map(|(key, value)| shapes::TargetGroupAttribute {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    })
    .collect()
}
