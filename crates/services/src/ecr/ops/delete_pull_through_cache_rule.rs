//! DeletePullThroughCacheRule: what the rule has brought stays.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeletePullThroughCacheRule {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:DeletePullThroughCacheRule")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        parse::own_registry(ctx, input.registry_id.as_ref())?;
        let gone = ctx.cloud.registry.delete_cache_rule(&ctx.scope, &input.ecr_repository_prefix).await;
        let gone = gone.map_err(Error::from)?;
        Ok(Self::Output {
            ecr_repository_prefix: Some(gone.prefix),
            upstream_registry_url: Some(gone.url),
            created_at: Some(gone.created_at.as_millis()),
            registry_id: Some(ctx.scope.account.to_string()),
            upstream_repository_prefix: Some(gone.upstream_prefix),
            ..Default::default()
        })
    }
}
