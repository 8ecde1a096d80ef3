//! DescribeCapacityProviders: FARGATE and FARGATE_SPOT, which every account has.
//!
//! No others can be made: CreateCapacityProvider is not served, as there are no Auto Scaling groups.

use store::{Key, key};
use wire::ecs as shape;
use wire::ecs::DescribeCapacityProviders;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::ops::missing;
use crate::ecs::rules::cluster::FARGATE_PROVIDERS;
use crate::ecs::rules::identifier;
use crate::ecs::rules::paging::Page;
use crate::ecs::store::active_cluster;
use crate::error::ServiceError;
use crate::room::Handler;

/// The most capacity providers of one request.
const MAX_PROVIDERS: usize = 100;

impl Handler for DescribeCapacityProviders {
    fn access(ctx: &OpCtx, input: &shape::DescribeCapacityProvidersRequest) -> Access {
        let provider = |name: &String| ctx.arn("ecs", format!("capacity-provider/{name}"));
        Access::each("ecs:DescribeCapacityProviders", input.capacity_providers.iter().flatten().map(provider))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DescribeCapacityProvidersRequest,
    ) -> Result<shape::DescribeCapacityProvidersResponse, ServiceError> {
        let prefix = key!["capacity-provider"];
        let page = Page::read(input.next_token.as_deref(), input.max_results, &prefix)?;
        let of_cluster = input.cluster.map(|raw| associated(ctx, &raw)).transpose()?;
        let named = input.capacity_providers.unwrap_or_default();
        if named.len() > MAX_PROVIDERS {
            return Err(Error::InvalidParameter("Capacity providers cannot be more than 100.".into()).into());
        }
        let named: Vec<(String, String)> = named.into_iter().map(|raw| (name(ctx, &raw), raw)).collect();
        let exists = |name: &str| FARGATE_PROVIDERS.contains(&name);
        let failures = named.iter().filter(|(name, _)| !exists(name)).map(|(_, raw)| missing(arn(ctx, raw)));
        let failures = failures.collect();

        let position = |name: &&str| Some(key![prefix, *name]);
        let found = FARGATE_PROVIDERS
            .into_iter()
            .filter(|provider| named.is_empty() || named.iter().any(|(name, _)| name == provider))
            .filter(|provider| of_cluster.as_ref().is_none_or(|of| of.iter().any(|name| name == provider)))
            .filter(|provider| {
                page.after.as_ref().is_none_or(|after: &Key| position(provider) > Some(after.clone()))
            })
            .collect();
        let (found, next_token) = page.cut(found, position);
        let capacity_providers = Some(found.into_iter().map(|name| render(ctx, name)).collect());
        Ok(shape::DescribeCapacityProvidersResponse {
            capacity_providers,
            failures: Some(failures),
            next_token,
        })
    }
}

/// The providers that are associated with a cluster.
fn associated(ctx: &OpCtx, raw: &str) -> Result<Vec<String>, Error> {
    let name = identifier::cluster(Some(raw), &ctx.scope)?;
    let cluster = active_cluster(&ctx.cloud.store.snapshot(), &ctx.scope, &name)?;
    Ok(cluster.capacity_providers.clone())
}

/// The name in a short name or an ARN of the request's scope; anything else is kept, and not found.
fn name(ctx: &OpCtx, raw: &str) -> String {
    raw.strip_prefix(&arn(ctx, "")).unwrap_or(raw).to_owned()
}

fn arn(ctx: &OpCtx, raw: &str) -> String {
    match raw.starts_with("arn:") {
        true => raw.to_owned(),
        false => ctx.arn("ecs", format!("capacity-provider/{raw}")).to_string(),
    }
}

fn render(ctx: &OpCtx, name: &str) -> shape::CapacityProvider {
    shape::CapacityProvider {
        capacity_provider_arn: Some(arn(ctx, name)),
        name: Some(name.to_owned()),
        status: Some("ACTIVE".to_owned()),
        r#type: Some(name.to_owned()),
        tags: Some(Vec::new()),
        ..shape::CapacityProvider::default()
    }
}
