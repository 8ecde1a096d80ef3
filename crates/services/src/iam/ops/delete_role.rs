//! DeleteRole: a role without policies; its sessions end.

use store::{Txn, key};
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::store::{BY_ROLE, LastUseRow, ProfileRow, RoleRow};
use crate::room::Handler;

impl Handler for shapes::DeleteRole {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:DeleteRole", arn_of::<RoleRow>(ctx, &input.role_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<RoleRow>(&snapshot, account, &input.role_name)?;
        let permissions = &found.permissions;
        let id = key![found.identity.id];
        let in_the_way = [
            (snapshot.count_by::<ProfileRow>(BY_ROLE, &id) > 0, "remove roles from instance profile"),
            (!permissions.attached.is_empty(), "detach all policies"),
            (!permissions.inline.is_empty(), "delete policies"),
        ];
        if let Some((_, what)) = in_the_way.into_iter().find(|(is, _)| *is) {
            return Err(Error::first(what).into());
        }
        ctx.cloud
            .store
            .commit(Txn::new().remove(&found).delete::<LastUseRow>(&id))
            .await
            .map_err(Error::from)?;
        Ok(Self::Output {})
    }
}
