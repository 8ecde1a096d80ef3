//! GetUser: a user, or the caller where none is named.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::find;
use crate::iam::own;
use crate::iam::store::UserRow;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::GetUser {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:GetUser", own::arn(ctx, input.user_name.as_deref()))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let Some(name) = own::user_name(ctx, &snapshot, input.user_name)? else {
            return Ok(Self::Output { user: own::root(ctx, &snapshot) });
        };
        let found = find::<UserRow>(&snapshot, &ctx.scope.account, &name)?;
        Ok(Self::Output { user: render::user(&found, true) })
    }
}
