//! UntagResource.

use ::wire::Empty;
use ::wire::logs::{UntagResource, UntagResourceRequest};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::tags;
use crate::logs::wire::access_arn;
use crate::room::Handler;

impl Handler for UntagResource {
    fn access(ctx: &OpCtx, input: &UntagResourceRequest) -> Access {
        Access::new("logs:UntagResource", access_arn(&ctx.scope, None, Some(&input.resource_arn)))
    }

    async fn run(ctx: &OpCtx, input: UntagResourceRequest) -> Result<Empty, ServiceError> {
        let name = tags::group_of_arn(&ctx.scope, &input.resource_arn)?;
        tags::remove(ctx, &name, &input.tag_keys).await?;
        Ok(Empty {})
    }
}
