//! RegisterPullTimeUpdateExclusion: the pulls of a principal are no longer recorded.

use registry::tables::RegistrySettings;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::error::ServiceError;
use crate::room::Handler;

/// The most principals.
const MAX_EXCLUSIONS: usize = 100;

impl Handler for shapes::RegisterPullTimeUpdateExclusion {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:RegisterPullTimeUpdateExclusion")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let change = |settings: &mut RegistrySettings| {
            if settings.unrecorded.contains_key(&input.principal_arn) {
                return Err(Error::ExclusionExists(input.principal_arn.clone()));
            }
            if settings.unrecorded.len() >= MAX_EXCLUSIONS {
                return Err(Error::TooManyExclusions(MAX_EXCLUSIONS));
            }
            settings.unrecorded.insert(input.principal_arn.clone(), ctx.now);
            Ok(())
        };
        ctx.cloud.registry.change_settings::<_, Error>(&ctx.scope, change).await?;
        Ok(Self::Output { principal_arn: Some(input.principal_arn), created_at: Some(ctx.now.as_millis()) })
    }
}
