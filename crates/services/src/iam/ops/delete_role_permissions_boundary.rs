//! DeleteRolePermissionsBoundary: frees a role of its boundary.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::RoleRow;
use crate::room::Handler;

impl Handler for shapes::DeleteRolePermissionsBoundary {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:DeleteRolePermissionsBoundary", arn_of::<RoleRow>(ctx, &input.role_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        policies::bound::<RoleRow>(ctx, &input.role_name, None).await?;
        Ok(Self::Output {})
    }
}
