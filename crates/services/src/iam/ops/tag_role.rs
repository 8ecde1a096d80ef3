//! TagRole: gives a role tags.

use model::iam::Role;
use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::store::RoleRow;
use crate::iam::wire::add_tags;
use crate::room::Handler;

impl Handler for shapes::TagRole {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:TagRole", arn_of::<RoleRow>(ctx, &input.role_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<RoleRow>(&snapshot, account, &input.role_name)?;
        let mut tags = found.tags.clone();
        add_tags(&mut tags, input.tags)?;
        let new = RoleRow(Role { tags, ..found.row.0.clone() });
        ctx.cloud.store.commit(Txn::new().update(&found, &new)).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}
