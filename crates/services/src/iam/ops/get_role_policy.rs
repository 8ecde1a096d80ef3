//! GetRolePolicy: the text of a role's inline policy.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::RoleRow;
use crate::iam::wire::encoded;
use crate::room::Handler;

impl Handler for shapes::GetRolePolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:GetRolePolicy", arn_of::<RoleRow>(ctx, &input.role_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let document = policies::get::<RoleRow>(ctx, &input.role_name, &input.policy_name)?;
        Ok(Self::Output {
            role_name: input.role_name,
            policy_name: input.policy_name,
            policy_document: encoded(&document),
        })
    }
}
