//! ListTagsForResource: of a namespace or a service.

use ::wire::servicediscovery as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::tags;
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ListTagsForResource {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:ListTagsForResource", wire::arn(ctx, "*", &input.resource_arn))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let tags = tags::of(ctx, &input.resource_arn)?;
        Ok(Self::Output { tags: Some(wire::write_tags(&tags)) })
    }
}
