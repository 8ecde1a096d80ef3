//! RemoveRoleFromInstanceProfile.

use model::iam::InstanceProfile;
use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::store::{ProfileRow, RoleRow};
use crate::room::Handler;

impl Handler for shapes::RemoveRoleFromInstanceProfile {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new(
            "iam:RemoveRoleFromInstanceProfile",
            arn_of::<ProfileRow>(ctx, &input.instance_profile_name),
        )
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<ProfileRow>(&snapshot, account, &input.instance_profile_name)?;
        let role = find::<RoleRow>(&snapshot, account, &input.role_name)?;
        if found.role.as_ref() != Some(&role.identity.id) {
            return Err(Error::missing("role", &input.role_name).into());
        }
        let new = ProfileRow(InstanceProfile { role: None, ..found.row.0.clone() });
        ctx.cloud.store.commit(Txn::new().update(&found, &new)).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}
