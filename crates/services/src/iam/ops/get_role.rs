//! GetRole: a role with its trust policy.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::store::RoleRow;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::GetRole {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:GetRole", arn_of::<RoleRow>(ctx, &input.role_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<RoleRow>(&snapshot, account, &input.role_name)?;
        Ok(Self::Output { role: render::role(&snapshot, &found, true) })
    }
}
