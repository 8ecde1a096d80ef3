//! GetGroupPolicy: the text of a group's inline policy.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::GroupRow;
use crate::iam::wire::encoded;
use crate::room::Handler;

impl Handler for shapes::GetGroupPolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:GetGroupPolicy", arn_of::<GroupRow>(ctx, &input.group_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let document = policies::get::<GroupRow>(ctx, &input.group_name, &input.policy_name)?;
        Ok(Self::Output {
            group_name: input.group_name,
            policy_name: input.policy_name,
            policy_document: encoded(&document),
        })
    }
}
