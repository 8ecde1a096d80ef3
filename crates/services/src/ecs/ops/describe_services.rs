//! DescribeServices, before any service can be created: none exists.

use wire::ecs as shape;
use wire::ecs::DescribeServices;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, missing};
use crate::ecs::rules::identifier;
use crate::ecs::store::active_cluster;
use crate::error::ServiceError;
use crate::room::Handler;

/// The most services of one request.
const MAX_SERVICES: usize = 10;

impl Handler for DescribeServices {
    fn access(ctx: &OpCtx, input: &shape::DescribeServicesRequest) -> Access {
        let cluster = cluster_resource(ctx, input.cluster.as_deref());
        Access::any("ecs:DescribeServices").with("ecs:cluster", cluster)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DescribeServicesRequest,
    ) -> Result<shape::DescribeServicesResponse, ServiceError> {
        if input.services.is_empty() || input.services.len() > MAX_SERVICES {
            let text = if input.services.is_empty() { "empty" } else { "more than 10" };
            return Err(Error::InvalidParameter(format!("Services cannot be {text}.")).into());
        }
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        active_cluster(&ctx.cloud.store.snapshot(), &ctx.scope, &name)?;
        let arn = |raw: String| match raw.starts_with("arn:") {
            true => raw,
            false => ctx.arn("ecs", format!("service/{name}/{raw}")).to_string(),
        };
        let failures = input.services.into_iter().map(|raw| missing(arn(raw))).collect();
        Ok(shape::DescribeServicesResponse { services: Some(Vec::new()), failures: Some(failures) })
    }
}
