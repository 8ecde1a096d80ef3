//! TagLogGroup.

use ::wire::Empty;
use ::wire::logs::{TagLogGroup, TagLogGroupRequest};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::tags;
use crate::logs::wire::{access_arn, group_name};
use crate::room::Handler;

impl Handler for TagLogGroup {
    fn access(ctx: &OpCtx, input: &TagLogGroupRequest) -> Access {
        Access::new("logs:TagLogGroup", access_arn(&ctx.scope, Some(&input.log_group_name), None))
    }

    async fn run(ctx: &OpCtx, input: TagLogGroupRequest) -> Result<Empty, ServiceError> {
        let name = group_name(&input.log_group_name)?;
        tags::add(ctx, &name, input.tags).await?;
        Ok(Empty {})
    }
}
