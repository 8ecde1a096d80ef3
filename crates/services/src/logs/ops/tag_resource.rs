//! TagResource.

use ::wire::Empty;
use ::wire::logs::{TagResource, TagResourceRequest};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::tags;
use crate::logs::wire::access_arn;
use crate::room::Handler;

impl Handler for TagResource {
    fn access(ctx: &OpCtx, input: &TagResourceRequest) -> Access {
        Access::new("logs:TagResource", access_arn(&ctx.scope, None, Some(&input.resource_arn)))
    }

    async fn run(ctx: &OpCtx, input: TagResourceRequest) -> Result<Empty, ServiceError> {
        let name = tags::group_of_arn(&ctx.scope, &input.resource_arn)?;
        tags::add(ctx, &name, input.tags).await?;
        Ok(Empty {})
    }
}
