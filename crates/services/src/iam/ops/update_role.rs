//! UpdateRole: another description, or other sessions.

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
use crate::iam::trust;
use crate::room::Handler;

impl Handler for shapes::UpdateRole {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:UpdateRole", arn_of::<RoleRow>(ctx, &input.role_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<RoleRow>(&snapshot, account, &input.role_name)?;
        let seconds = input.max_session_duration.and_then(|seconds| u32::try_from(seconds).ok());
        // What is not named goes back to how it was at first, as IAM has it.
        let new = RoleRow(Role {
            description: input.description,
            max_session_seconds: seconds.unwrap_or(trust::USUAL_SECONDS),
            ..found.row.0.clone()
        });
        ctx.cloud.store.commit(Txn::new().update(&found, &new)).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}
