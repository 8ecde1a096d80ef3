//! AttachGroupPolicy: attaches a managed policy to a group.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::GroupRow;
use crate::room::Handler;

impl Handler for shapes::AttachGroupPolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:AttachGroupPolicy", arn_of::<GroupRow>(ctx, &input.group_name))
            .with("iam:PolicyARN", &input.policy_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        policies::attach::<GroupRow>(ctx, &input.group_name, &input.policy_arn).await?;
        Ok(Self::Output {})
    }
}
