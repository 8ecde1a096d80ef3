//! CreatePullThroughCacheRule: names below a prefix are filled from another registry as they are pulled.
//!
//! Deviation: the other registry is asked without credentials, which Docker Hub, GitHub and GitLab
//! allow for public images; a secret is not found and a role refused.

use registry::cache::{CacheRule, UpstreamKind};
use registry::templates::ROOT;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CreatePullThroughCacheRule {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:CreatePullThroughCacheRule")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        parse::own_registry(ctx, input.registry_id.as_ref())?;
        parse::no_credentials(input.credential_arn.as_ref(), input.custom_role_arn.as_ref())?;
        let host = input.upstream_registry_url.trim_start_matches("https://").trim_end_matches('/');
        let kind = UpstreamKind::of(host).map_err(|error| Error::UnsupportedUpstream(error.0))?;
        if input.upstream_registry.as_ref().is_some_and(|named| named != kind.as_str()) {
            let why = format!("the registry at {host} is {}", kind.as_str());
            return Err(Error::parameter("upstreamRegistry", why).into());
        }
        let rule = CacheRule {
            scope: ctx.scope.clone(),
            prefix: input.ecr_repository_prefix,
            url: host.to_owned(),
            kind,
            upstream_prefix: input.upstream_repository_prefix.unwrap_or_else(|| ROOT.to_owned()),
            created_at: ctx.now,
            updated_at: None,
        };
        ctx.cloud.registry.create_cache_rule(&rule).await.map_err(Error::from)?;
        Ok(Self::Output {
            ecr_repository_prefix: Some(rule.prefix),
            upstream_registry_url: Some(rule.url),
            created_at: Some(rule.created_at.as_millis()),
            registry_id: Some(ctx.scope.account.to_string()),
            upstream_registry: Some(rule.kind.as_str().to_owned()),
            upstream_repository_prefix: Some(rule.upstream_prefix),
            ..Default::default()
        })
    }
}
