//! DeregisterPullTimeUpdateExclusion: the pulls of a principal are recorded again.

use registry::tables::RegistrySettings;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeregisterPullTimeUpdateExclusion {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:DeregisterPullTimeUpdateExclusion")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let change = |settings: &mut RegistrySettings| match settings.unrecorded.remove(&input.principal_arn)
        {
            Some(_) => Ok(()),
            None => Err(Error::ExclusionNotFound(input.principal_arn.clone())),
        };
        ctx.cloud.registry.change_settings::<_, Error>(&ctx.scope, change).await?;
        Ok(Self::Output { principal_arn: Some(input.principal_arn) })
    }
}
