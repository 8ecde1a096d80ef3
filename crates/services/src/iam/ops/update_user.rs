//! UpdateUser: another name or another path.

use model::iam::User;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::holder::new_arn;
use crate::iam::holder::renamed;
use crate::iam::holder::replace;
use crate::iam::store::UserRow;
use crate::room::Handler;

impl Handler for shapes::UpdateUser {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        let access = Access::new("iam:UpdateUser", arn_of::<UserRow>(ctx, &input.user_name));
        let name = input.new_user_name.as_deref().unwrap_or(&input.user_name);
        let moved = input.new_user_name.is_some() || input.new_path.is_some();
        if moved { access.and_on(new_arn::<UserRow>(ctx, input.new_path.as_deref(), name)) } else { access }
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<UserRow>(&snapshot, account, &input.user_name)?;
        let identity = renamed::<UserRow>(&snapshot, &found.identity, input.new_user_name, input.new_path)?;
        let new = UserRow(User { identity, ..found.row.0.clone() });
        ctx.cloud.store.commit(replace(&found, &new)).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}
