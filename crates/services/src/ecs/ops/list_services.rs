//! ListServices, before any service can be created: none exists.

use wire::ecs as shape;
use wire::ecs::ListServices;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::ops::cluster_resource;
use crate::ecs::rules::identifier;
use crate::ecs::store::active_cluster;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for ListServices {
    fn access(ctx: &OpCtx, input: &shape::ListServicesRequest) -> Access {
        let cluster = cluster_resource(ctx, input.cluster.as_deref());
        Access::any("ecs:ListServices").with("ecs:cluster", cluster)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::ListServicesRequest,
    ) -> Result<shape::ListServicesResponse, ServiceError> {
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        active_cluster(&ctx.cloud.store.snapshot(), &ctx.scope, &name)?;
        Ok(shape::ListServicesResponse { service_arns: Some(Vec::new()), next_token: None })
    }
}
