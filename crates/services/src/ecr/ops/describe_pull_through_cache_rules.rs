//! DescribePullThroughCacheRules: by prefix, or all in the order of their prefixes.

use registry::cache::CacheRule;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::page;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribePullThroughCacheRules {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:DescribePullThroughCacheRules")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        parse::own_registry(ctx, input.registry_id.as_ref())?;
        let registry = &ctx.cloud.registry;
        if let Some(prefixes) = input.ecr_repository_prefixes {
            let find =
                |prefix: &String| registry.cache_rule(&ctx.scope, prefix).map(|rule| shape(ctx, &rule));
            let found = prefixes.iter().map(find).collect::<Result<_, _>>().map_err(Error::from)?;
            return Ok(Self::Output { pull_through_cache_rules: Some(found), next_token: None });
        }
        let after: Option<String> = page::position(input.next_token.as_ref())?;
        let limit = page::limit(input.max_results);
        let mut rules = registry.cache_rules(&ctx.scope, after.as_deref(), limit + 1);
        let more = rules.len() > limit;
        rules.truncate(limit);
        let next_token = rules.last().filter(|_| more).map(|last| page::token(&last.prefix));
        let rules = rules.iter().map(|rule| shape(ctx, rule)).collect();
        Ok(Self::Output { pull_through_cache_rules: Some(rules), next_token })
    }
}

fn shape(ctx: &OpCtx, rule: &CacheRule) -> shapes::PullThroughCacheRule {
    shapes::PullThroughCacheRule {
        ecr_repository_prefix: Some(rule.prefix.clone()),
        upstream_registry_url: Some(rule.url.clone()),
        created_at: Some(rule.created_at.as_millis()),
        updated_at: Some(rule.updated_at.unwrap_or(rule.created_at).as_millis()),
        registry_id: Some(ctx.scope.account.to_string()),
        upstream_registry: Some(rule.kind.as_str().to_owned()),
        upstream_repository_prefix: Some(rule.upstream_prefix.clone()),
        ..Default::default()
    }
}
