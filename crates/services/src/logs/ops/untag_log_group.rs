//! UntagLogGroup.

use ::wire::Empty;
use ::wire::logs::{UntagLogGroup, UntagLogGroupRequest};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::tags;
use crate::logs::wire::{access_arn, group_name};
use crate::room::Handler;

impl Handler for UntagLogGroup {
    fn access(ctx: &OpCtx, input: &UntagLogGroupRequest) -> Access {
        Access::new("logs:UntagLogGroup", access_arn(&ctx.scope, Some(&input.log_group_name), None))
    }

    async fn run(ctx: &OpCtx, input: UntagLogGroupRequest) -> Result<Empty, ServiceError> {
        let name = group_name(&input.log_group_name)?;
        tags::remove(ctx, &name, &input.tags).await?;
        Ok(Empty {})
    }
}
