//! TagResource: adds tags to any kind of resource that exists.

use wire::ecs as shape;
use wire::ecs::TagResource;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::rules::tag;
use crate::ecs::tagged::change;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for TagResource {
    fn access(_: &OpCtx, input: &shape::TagResourceRequest) -> Access {
        Access::new("ecs:TagResource", &input.resource_arn)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::TagResourceRequest,
    ) -> Result<shape::TagResourceResponse, ServiceError> {
        let added = tag::read(Some(input.tags))?;
        if added.is_empty() {
            return Err(Error::InvalidParameter("Tags cannot be empty.".into()).into());
        }
        change(ctx, &input.resource_arn, |tags| {
            tags.extend(added);
            tag::check_count(tags).map_err(|error| Error::LimitExceeded(error.to_string()))
        })
        .await?;
        Ok(shape::TagResourceResponse {})
    }
}
