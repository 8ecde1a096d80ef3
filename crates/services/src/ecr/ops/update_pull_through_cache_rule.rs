//! UpdatePullThroughCacheRule: changes a rule's credentials. Without any the rule asks anonymously, as before.
//!
//! Deviation: a secret is not found and a role refused, as by CreatePullThroughCacheRule.

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
        let (registry, prefix) = (&ctx.cloud.registry, &input.ecr_repository_prefix);
        registry.cache_rule(&ctx.scope, prefix).map_err(Error::from)?;
        parse::no_credentials(input.credential_arn.as_ref(), input.custom_role_arn.as_ref())?;
        let rule = registry.touch_cache_rule(&ctx.scope, prefix, ctx.now).await.map_err(Error::from)?;
        Ok(Self::Output {
            ecr_repository_prefix: Some(rule.prefix),
            registry_id: Some(ctx.scope.account.to_string()),
            updated_at: Some(ctx.now.as_millis()),
            upstream_repository_prefix: Some(rule.upstream_prefix),
            ..Default::default()
        })
    }
}
