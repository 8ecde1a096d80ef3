//! UntagResource: of a namespace or a service.

use ::wire::servicediscovery as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::tags;
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::UntagResource {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:UntagResource", wire::arn(ctx, "*", &input.resource_arn))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        tags::change(ctx, &input.resource_arn, |tags| tags.retain(|key, _| !input.tag_keys.contains(key)))
            .await?;
        Ok(Self::Output::default())
    }
}
