//! TagResource: of a namespace or a service.

use ::wire::servicediscovery as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::tags;
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::TagResource {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:TagResource", wire::arn(ctx, "*", &input.resource_arn))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let new = wire::read_tags(Some(input.tags))?;
        tags::change(ctx, &input.resource_arn, |tags| tags.extend(new)).await?;
        Ok(Self::Output::default())
    }
}
