//! ListGroupPolicies: the names of a group's inline policies.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::GroupRow;
use crate::room::Handler;

impl Handler for shapes::ListGroupPolicies {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:ListGroupPolicies", arn_of::<GroupRow>(ctx, &input.group_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let page =
            policies::list::<GroupRow>(ctx, &input.group_name, input.marker.as_deref(), input.max_items)?;
        Ok(Self::Output {
            is_truncated: Some(page.is_truncated()),
            policy_names: page.items,
            marker: page.marker,
        })
    }
}
