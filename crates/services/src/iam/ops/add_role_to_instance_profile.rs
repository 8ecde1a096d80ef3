//! AddRoleToInstanceProfile: a profile has one role at most.

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

impl Handler for shapes::AddRoleToInstanceProfile {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:AddRoleToInstanceProfile", arn_of::<ProfileRow>(ctx, &input.instance_profile_name))
            .passing(&arn_of::<RoleRow>(ctx, &input.role_name).to_string(), "ec2.amazonaws.com")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<ProfileRow>(&snapshot, account, &input.instance_profile_name)?;
        let role = find::<RoleRow>(&snapshot, account, &input.role_name)?;
        if found.role.is_some() {
            return Err(Error::LimitExceeded { quota: "InstanceSessionsPerInstanceProfile", limit: 1 }.into());
        }
        let new = ProfileRow(InstanceProfile { role: Some(role.identity.id.clone()), ..found.row.0.clone() });
        // The role is written again, so that its deletion at the same moment meets a conflict.
        ctx.cloud
            .store
            .commit(Txn::new().update(&found, &new).update(&role, &role.row))
            .await
            .map_err(Error::from)?;
        Ok(Self::Output {})
    }
}
