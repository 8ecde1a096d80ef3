//! GetServiceAttributes: what users keep with a service.

use ::wire::servicediscovery as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::store as tables;
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetServiceAttributes {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:GetServiceAttributes", wire::arn(ctx, "service", &input.service_id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let service = tables::service(&ctx.cloud.store.snapshot(), &ctx.scope, &input.service_id)?;
        Ok(Self::Output {
            service_attributes: Some(shapes::ServiceAttributes {
                service_arn: Some(service.arn().to_string()),
                resource_owner: Some(service.scope.account.to_string()),
                attributes: Some(service.attributes.clone()),
            }),
        })
    }
}
