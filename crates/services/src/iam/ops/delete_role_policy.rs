//! DeleteRolePolicy: takes an inline policy from a role.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::RoleRow;
use crate::room::Handler;

impl Handler for shapes::DeleteRolePolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:DeleteRolePolicy", arn_of::<RoleRow>(ctx, &input.role_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        policies::delete::<RoleRow>(ctx, &input.role_name, &input.policy_name).await?;
        Ok(Self::Output {})
    }
}
