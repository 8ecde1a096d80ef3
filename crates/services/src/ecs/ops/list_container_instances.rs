//! ListContainerInstances, before any instance can register.
//!
//! The nodes behind Fargate belong to no cluster and are not shown here.

use wire::ecs as shape;
use wire::ecs::ListContainerInstances;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::ops::cluster_resource;
use crate::ecs::rules::identifier;
use crate::ecs::store::active_cluster;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for ListContainerInstances {
    fn access(ctx: &OpCtx, input: &shape::ListContainerInstancesRequest) -> Access {
        Access::new("ecs:ListContainerInstances", cluster_resource(ctx, input.cluster.as_deref()))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::ListContainerInstancesRequest,
    ) -> Result<shape::ListContainerInstancesResponse, ServiceError> {
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        active_cluster(&ctx.cloud.store.snapshot(), &ctx.scope, &name)?;
        let none = Some(Vec::new());
        Ok(shape::ListContainerInstancesResponse { container_instance_arns: none, next_token: None })
    }
}
