//! AddUserToGroup: the user has the group's policies from the next request on.

use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::store::{GroupRow, UserRow};
use crate::room::Handler;

/// IAM's quota.
const MOST: usize = 10;

impl Handler for shapes::AddUserToGroup {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:AddUserToGroup", arn_of::<GroupRow>(ctx, &input.group_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let group = find::<GroupRow>(&snapshot, account, &input.group_name)?;
        let found = find::<UserRow>(&snapshot, account, &input.user_name)?;
        let mut user = found.row.0.clone();
        user.groups.insert(group.identity.id.clone());
        if user.groups.len() > MOST {
            return Err(Error::LimitExceeded { quota: "GroupsPerUser", limit: MOST }.into());
        }
        // The group is written again, so that its deletion at the same moment meets a conflict.
        ctx.cloud
            .store
            .commit(Txn::new().update(&found, &UserRow(user)).update(&group, &group.row))
            .await
            .map_err(Error::from)?;
        Ok(Self::Output {})
    }
}
