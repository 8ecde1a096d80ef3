//! GetUserPolicy: the text of a user's inline policy.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::UserRow;
use crate::iam::wire::encoded;
use crate::room::Handler;

impl Handler for shapes::GetUserPolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:GetUserPolicy", arn_of::<UserRow>(ctx, &input.user_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let document = policies::get::<UserRow>(ctx, &input.user_name, &input.policy_name)?;
        Ok(Self::Output {
            user_name: input.user_name,
            policy_name: input.policy_name,
            policy_document: encoded(&document),
        })
    }
}
