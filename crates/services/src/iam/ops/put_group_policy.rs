//! PutGroupPolicy: gives a group an inline policy.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::GroupRow;
use crate::room::Handler;

impl Handler for shapes::PutGroupPolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:PutGroupPolicy", arn_of::<GroupRow>(ctx, &input.group_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        policies::put::<GroupRow>(ctx, &input.group_name, input.policy_name, input.policy_document).await?;
        Ok(Self::Output {})
    }
}
