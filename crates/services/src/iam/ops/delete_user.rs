//! DeleteUser: a user who has nothing any more.

use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::store::UserRow;
use crate::iam::store::keys_of;
use crate::room::Handler;

impl Handler for shapes::DeleteUser {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:DeleteUser", arn_of::<UserRow>(ctx, &input.user_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<UserRow>(&snapshot, account, &input.user_name)?;
        let permissions = &found.permissions;
        let in_the_way = [
            (!keys_of(&snapshot, &found.identity.id).is_empty(), "delete access keys"),
            (!permissions.attached.is_empty(), "detach all policies"),
            (!permissions.inline.is_empty(), "delete policies"),
            (!found.groups.is_empty(), "remove users from group"),
        ];
        if let Some((_, what)) = in_the_way.into_iter().find(|(is, _)| *is) {
            return Err(Error::first(what).into());
        }
        ctx.cloud.store.commit(Txn::new().remove(&found)).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}
