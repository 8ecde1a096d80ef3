//! ValidatePullThroughCacheRule: whether the other registry answers.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ValidatePullThroughCacheRule {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:ValidatePullThroughCacheRule")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        parse::own_registry(ctx, input.registry_id.as_ref())?;
        let registry = &ctx.cloud.registry;
        let rule = registry.cache_rule(&ctx.scope, &input.ecr_repository_prefix).map_err(Error::from)?;
        let failure = registry.unreachable(&rule).await;
        Ok(Self::Output {
            ecr_repository_prefix: Some(rule.prefix.clone()),
            registry_id: Some(ctx.scope.account.to_string()),
            upstream_registry_url: Some(rule.url.clone()),
            upstream_repository_prefix: Some(rule.upstream_prefix.clone()),
            is_valid: Some(failure.is_none()),
            failure,
            ..Default::default()
        })
    }
}
