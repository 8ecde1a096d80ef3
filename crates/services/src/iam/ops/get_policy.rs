//! GetPolicy: a managed policy, the account's or AWS's.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::versions;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::GetPolicy {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:GetPolicy", &input.policy_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = versions::find(&snapshot, account, &input.policy_arn)?;
        Ok(Self::Output { policy: Some(render::policy(&snapshot, account, &found, true)) })
    }
}
