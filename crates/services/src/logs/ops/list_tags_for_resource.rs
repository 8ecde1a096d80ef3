//! ListTagsForResource.

use ::wire::logs::{ListTagsForResource, ListTagsForResourceRequest, ListTagsForResourceResponse};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::tags;
use crate::logs::wire::access_arn;
use crate::room::Handler;

impl Handler for ListTagsForResource {
    fn access(ctx: &OpCtx, input: &ListTagsForResourceRequest) -> Access {
        Access::new("logs:ListTagsForResource", access_arn(&ctx.scope, None, Some(&input.resource_arn)))
    }

    async fn run(
        ctx: &OpCtx,
        input: ListTagsForResourceRequest,
    ) -> Result<ListTagsForResourceResponse, ServiceError> {
        let name = tags::group_of_arn(&ctx.scope, &input.resource_arn)?;
        Ok(ListTagsForResourceResponse { tags: Some(tags::list(ctx, &name)?) })
    }
}
