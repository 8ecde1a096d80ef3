//! PutUserPermissionsBoundary: bounds a user by a managed policy.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::UserRow;
use crate::room::Handler;

impl Handler for shapes::PutUserPermissionsBoundary {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:PutUserPermissionsBoundary", arn_of::<UserRow>(ctx, &input.user_name))
            .with("iam:PermissionsBoundary", &input.permissions_boundary)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        policies::bound::<UserRow>(ctx, &input.user_name, Some(input.permissions_boundary)).await?;
        Ok(Self::Output {})
    }
}
