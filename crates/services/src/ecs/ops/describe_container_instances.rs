//! DescribeContainerInstances, before any instance can register.
//!
//! The nodes behind Fargate belong to no cluster and are not shown here.

use wire::ecs as shape;
use wire::ecs::DescribeContainerInstances;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, missing};
use crate::ecs::rules::identifier;
use crate::ecs::store::active_cluster;
use crate::error::ServiceError;
use crate::room::Handler;

/// The most container instances of one request.
const MAX_INSTANCES: usize = 100;

impl Handler for DescribeContainerInstances {
    fn access(ctx: &OpCtx, input: &shape::DescribeContainerInstancesRequest) -> Access {
        let cluster = cluster_resource(ctx, input.cluster.as_deref());
        Access::any("ecs:DescribeContainerInstances").with("ecs:cluster", cluster)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DescribeContainerInstancesRequest,
    ) -> Result<shape::DescribeContainerInstancesResponse, ServiceError> {
        let named = input.container_instances;
        if named.is_empty() || named.len() > MAX_INSTANCES {
            let text = if named.is_empty() { "empty" } else { "more than 100" };
            return Err(Error::InvalidParameter(format!("Container instances cannot be {text}.")).into());
        }
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        active_cluster(&ctx.cloud.store.snapshot(), &ctx.scope, &name)?;
        let arn = |raw: String| match raw.starts_with("arn:") {
            true => raw,
            false => ctx.arn("ecs", format!("container-instance/{name}/{raw}")).to_string(),
        };
        let failures = named.into_iter().map(|raw| missing(arn(raw))).collect();
        Ok(shape::DescribeContainerInstancesResponse {
            container_instances: Some(Vec::new()),
            failures: Some(failures),
        })
    }
}
