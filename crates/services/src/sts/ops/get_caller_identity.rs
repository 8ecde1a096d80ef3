//! GetCallerIdentity. Needs no permission, and cannot be denied.

use wire::sts as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetCallerIdentity {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::free("sts:GetCallerIdentity")
    }

    async fn run(ctx: &OpCtx, _: Self::Input) -> Result<Self::Output, ServiceError> {
        let caller = &ctx.principal;
        Ok(Self::Output {
            user_id: Some(caller.user_id.clone()),
            account: Some(caller.account.to_string()),
            arn: Some(caller.arn.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn root_is_shown_as_the_account() {
        let ctx = testing::ctx().await;
        let input = shapes::GetCallerIdentityRequest::default();
        let answer = shapes::GetCallerIdentity::run(&ctx, input).await.unwrap();
        assert_eq!(answer.arn.as_deref(), Some("arn:aws:iam::123456789012:root"));
        assert_eq!(answer.user_id.as_deref(), Some("123456789012"));
    }
}
