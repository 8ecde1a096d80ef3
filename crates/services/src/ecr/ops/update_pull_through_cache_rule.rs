//! UpdatePullThroughCacheRule: changes a rule's credentials, of which there are none.
//!
//! Deviation: a secret is not found and a role refused, so that every change is.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::UpdatePullThroughCacheRule {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:UpdatePullThroughCacheRule")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        parse::own_registry(ctx, input.registry_id.as_ref())?;
        let registry = &ctx.cloud.registry;
        registry.cache_rule(&ctx.scope, &input.ecr_repository_prefix).map_err(Error::from)?;
        parse::no_credentials(input.credential_arn.as_ref(), input.custom_role_arn.as_ref())?;
        Err(Error::parameter("credentialArn", "Member must not be null").into())
    }
}
