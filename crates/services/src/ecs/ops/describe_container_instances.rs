//! DescribeContainerInstances: container instances of one cluster, by id or ARN.
//!
//! The nodes behind Fargate belong to no cluster and are not shown here.

use std::collections::BTreeSet;

use wire::ecs as shape;
use wire::ecs::DescribeContainerInstances;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::instances;
use crate::ecs::ops::{cluster_resource, instance_resource, missing};
use crate::ecs::rules::identifier;
use crate::ecs::store::active_cluster;
use crate::ecs::wire::instance::{Include, write_instance};
use crate::error::ServiceError;
use crate::room::Handler;

/// The most container instances of one request.
const MAX_INSTANCES: usize = 100;

impl Handler for DescribeContainerInstances {
    fn access(ctx: &OpCtx, input: &shape::DescribeContainerInstancesRequest) -> Access {
        let cluster = input.cluster.as_deref();
        let instances = input.container_instances.iter().map(|raw| instance_resource(ctx, cluster, raw));
        Access::each("ecs:DescribeContainerInstances", instances)
            .with("ecs:cluster", cluster_resource(ctx, cluster))
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
        let snapshot = ctx.cloud.store.snapshot();
        active_cluster(&snapshot, &ctx.scope, &name)?;
        let asked = |field: &str| input.include.iter().flatten().any(|each| each == field);
        let include = Include { tags: asked("TAGS"), health: asked("CONTAINER_INSTANCE_HEALTH") };
        let (mut found, mut failures, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for raw in named {
            let Some(id) = identifier::container_instance(&raw, &ctx.scope, &name)? else {
                failures.push(missing(raw));
                continue;
            };
            if !seen.insert(id.clone()) {
                continue;
            }
            match instances::find(&snapshot, &ctx.scope, &name, &id) {
                Some(member) => found.push(write_instance(&snapshot, &member, include)),
                None => failures.push(missing(id.arn(&ctx.scope, &name))),
            }
        }
        Ok(shape::DescribeContainerInstancesResponse {
            container_instances: Some(found),
            failures: Some(failures),
        })
    }
}
