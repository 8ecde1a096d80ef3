//! DescribeServices: services of one cluster, the inactive ones included.

use std::collections::BTreeSet;

use wire::ecs as shape;
use wire::ecs::DescribeServices;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, missing, service_resource};
use crate::ecs::rules::identifier;
use crate::ecs::service_view;
use crate::ecs::store::{active_cluster, service};
use crate::error::ServiceError;
use crate::room::Handler;

/// The most services of one request.
const MAX_SERVICES: usize = 10;

impl Handler for DescribeServices {
    fn access(ctx: &OpCtx, input: &shape::DescribeServicesRequest) -> Access {
        let services = input.services.iter().map(|raw| service_resource(ctx, input.cluster.as_deref(), raw));
        let cluster = cluster_resource(ctx, input.cluster.as_deref());
        Access::each("ecs:DescribeServices", services).with("ecs:cluster", cluster)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DescribeServicesRequest,
    ) -> Result<shape::DescribeServicesResponse, ServiceError> {
        if input.services.is_empty() || input.services.len() > MAX_SERVICES {
            let text = if input.services.is_empty() { "empty" } else { "more than 10" };
            return Err(Error::InvalidParameter(format!("Services cannot be {text}.")).into());
        }
        let snapshot = ctx.cloud.store.snapshot();
        let cluster = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        active_cluster(&snapshot, &ctx.scope, &cluster)?;
        let with_tags = input.include.iter().flatten().any(|field| field == "TAGS");
        let (mut services, mut failures, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for raw in input.services {
            let arn = match raw.starts_with("arn:") {
                true => raw.clone(),
                false => ctx.arn("ecs", format!("service/{cluster}/{raw}")).to_string(),
            };
            let name = identifier::service(&raw, &ctx.scope, &cluster)?;
            if !seen.insert(arn.clone()) {
                continue;
            }
            match name.and_then(|name| service(&snapshot, &ctx.scope, &cluster, &name)) {
                Some(found) => services.push(service_view::service(&snapshot, &found, with_tags)),
                None => failures.push(missing(arn)),
            }
        }
        Ok(shape::DescribeServicesResponse { services: Some(services), failures: Some(failures) })
    }
}
