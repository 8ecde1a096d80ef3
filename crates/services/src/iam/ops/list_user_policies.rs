//! ListUserPolicies: the names of a user's inline policies.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::UserRow;
use crate::room::Handler;

impl Handler for shapes::ListUserPolicies {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:ListUserPolicies", arn_of::<UserRow>(ctx, &input.user_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let page =
            policies::list::<UserRow>(ctx, &input.user_name, input.marker.as_deref(), input.max_items)?;
        Ok(Self::Output {
            is_truncated: Some(page.is_truncated()),
            policy_names: page.items,
            marker: page.marker,
        })
    }
}
