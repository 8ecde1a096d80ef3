//! DetachUserPolicy: detaches a managed policy from a user.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::UserRow;
use crate::room::Handler;

impl Handler for shapes::DetachUserPolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:DetachUserPolicy", arn_of::<UserRow>(ctx, &input.user_name))
            .with("iam:PolicyARN", &input.policy_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        policies::detach::<UserRow>(ctx, &input.user_name, &input.policy_arn).await?;
        Ok(Self::Output {})
    }
}
