//! DetachRolePolicy: detaches a managed policy from a role.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::RoleRow;
use crate::room::Handler;

impl Handler for shapes::DetachRolePolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:DetachRolePolicy", arn_of::<RoleRow>(ctx, &input.role_name))
            .with("iam:PolicyARN", &input.policy_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        policies::detach::<RoleRow>(ctx, &input.role_name, &input.policy_arn).await?;
        Ok(Self::Output {})
    }
}
