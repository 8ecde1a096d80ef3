//! DeleteGroup: a group without members and policies.

use store::{Txn, key};
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::store::{BY_GROUP, GroupRow, UserRow};
use crate::room::Handler;

impl Handler for shapes::DeleteGroup {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:DeleteGroup", arn_of::<GroupRow>(ctx, &input.group_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<GroupRow>(&snapshot, account, &input.group_name)?;
        let permissions = &found.permissions;
        let in_the_way = [
            (snapshot.count_by::<UserRow>(BY_GROUP, &key![found.identity.id]) > 0, "remove users from group"),
            (!permissions.attached.is_empty(), "detach all policies"),
            (!permissions.inline.is_empty(), "delete policies"),
        ];
        if let Some((_, what)) = in_the_way.into_iter().find(|(is, _)| *is) {
            return Err(Error::first(what).into());
        }
        ctx.cloud.store.commit(Txn::new().remove(&found)).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}
