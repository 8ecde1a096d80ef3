//! UntagUser: takes tags from a user.

use model::iam::User;
use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::store::UserRow;
use crate::room::Handler;

impl Handler for shapes::UntagUser {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:UntagUser", arn_of::<UserRow>(ctx, &input.user_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<UserRow>(&snapshot, account, &input.user_name)?;
        let mut tags = found.tags.clone();
        tags.retain(|key, _| !input.tag_keys.contains(key));
        let new = UserRow(User { tags, ..found.row.0.clone() });
        ctx.cloud.store.commit(Txn::new().update(&found, &new)).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}
