//! UntagResource: removes tags by their keys.

use wire::ecs as shape;
use wire::ecs::UntagResource;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::rules::tag;
use crate::ecs::tagged::change;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for UntagResource {
    fn access(_: &OpCtx, input: &shape::UntagResourceRequest) -> Access {
        Access::new("ecs:UntagResource", &input.resource_arn)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::UntagResourceRequest,
    ) -> Result<shape::UntagResourceResponse, ServiceError> {
        tag::check_removal(&input.tag_keys)?;
        change(ctx, &input.resource_arn, |tags| {
            tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        })
        .await?;
        Ok(shape::UntagResourceResponse {})
    }
}
