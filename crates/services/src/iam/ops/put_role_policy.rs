//! PutRolePolicy: gives a role an inline policy.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::RoleRow;
use crate::room::Handler;

impl Handler for shapes::PutRolePolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:PutRolePolicy", arn_of::<RoleRow>(ctx, &input.role_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        policies::put::<RoleRow>(ctx, &input.role_name, input.policy_name, input.policy_document).await?;
        Ok(Self::Output {})
    }
}
