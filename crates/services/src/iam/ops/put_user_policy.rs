//! PutUserPolicy: gives a user an inline policy.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::UserRow;
use crate::room::Handler;

impl Handler for shapes::PutUserPolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:PutUserPolicy", arn_of::<UserRow>(ctx, &input.user_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        policies::put::<UserRow>(ctx, &input.user_name, input.policy_name, input.policy_document).await?;
        Ok(Self::Output {})
    }
}
