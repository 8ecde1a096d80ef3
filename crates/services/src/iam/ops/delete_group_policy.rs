//! DeleteGroupPolicy: takes an inline policy from a group.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::GroupRow;
use crate::room::Handler;

impl Handler for shapes::DeleteGroupPolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:DeleteGroupPolicy", arn_of::<GroupRow>(ctx, &input.group_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        policies::delete::<GroupRow>(ctx, &input.group_name, &input.policy_name).await?;
        Ok(Self::Output {})
    }
}
