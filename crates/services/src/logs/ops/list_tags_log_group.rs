//! ListTagsLogGroup.

use ::wire::logs::{ListTagsLogGroup, ListTagsLogGroupRequest, ListTagsLogGroupResponse};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::tags;
use crate::logs::wire::{access_arn, group_name};
use crate::room::Handler;

impl Handler for ListTagsLogGroup {
    fn access(ctx: &OpCtx, input: &ListTagsLogGroupRequest) -> Access {
        Access::new("logs:ListTagsLogGroup", access_arn(&ctx.scope, Some(&input.log_group_name), None))
    }

    async fn run(
        ctx: &OpCtx,
        input: ListTagsLogGroupRequest,
    ) -> Result<ListTagsLogGroupResponse, ServiceError> {
        let name = group_name(&input.log_group_name)?;
        Ok(ListTagsLogGroupResponse { tags: Some(tags::list(ctx, &name)?) })
    }
}
