//! CreateRole: an identity that those whom its trust policy names can take.

use model::iam::{Permissions, Role};
use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::identity;
use crate::iam::holder::new_arn;
use crate::iam::policies;
use crate::iam::store::RoleRow;
use crate::iam::trust;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::CreateRole {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        let arn = new_arn::<RoleRow>(ctx, input.path.as_deref(), &input.role_name);
        let access = Access::new("iam:CreateRole", arn);
        input
            .permissions_boundary
            .iter()
            .fold(access, |access, arn| access.with("iam:PermissionsBoundary", arn))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let boundary = input.permissions_boundary;
        let bound = boundary.as_deref().map(|arn| policies::boundary(ctx, &snapshot, arn)).transpose()?;
        trust::check(ctx, &snapshot, &input.assume_role_policy_document)?;
        let seconds = input.max_session_duration.and_then(|seconds| u32::try_from(seconds).ok());
        let role = RoleRow(Role {
            identity: identity::<RoleRow>(ctx, &snapshot, input.role_name, input.path)?,
            permissions: Permissions { boundary, ..Permissions::default() },
            trust: input.assume_role_policy_document,
            description: input.description,
            max_session_seconds: seconds.unwrap_or(trust::USUAL_SECONDS),
            tags: render::tags(input.tags)?,
        });
        let txn = Txn::new().insert(&role);
        let txn = bound.map_or(txn.clone(), |policy| policy.held(txn));
        ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        Ok(Self::Output { role: render::role(&snapshot, &role, false) })
    }
}
