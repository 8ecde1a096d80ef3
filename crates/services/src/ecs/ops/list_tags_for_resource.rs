//! ListTagsForResource: the tags of any kind of resource.

use wire::ecs as shape;
use wire::ecs::ListTagsForResource;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::tagged::find;
use crate::ecs::wire::cluster::write_tags;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for ListTagsForResource {
    fn access(_: &OpCtx, input: &shape::ListTagsForResourceRequest) -> Access {
        Access::new("ecs:ListTagsForResource", &input.resource_arn)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::ListTagsForResourceRequest,
    ) -> Result<shape::ListTagsForResourceResponse, ServiceError> {
        let found = match find(ctx, &ctx.cloud.store.snapshot(), &input.resource_arn) {
            // The model gives this operation no ResourceNotFoundException.
            Err(Error::ResourceNotFound(text)) => return Err(Error::InvalidParameter(text).into()),
            found => found?,
        };
        Ok(shape::ListTagsForResourceResponse { tags: Some(write_tags(found.tags())) })
    }
}
