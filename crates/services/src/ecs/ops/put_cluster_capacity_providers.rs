//! PutClusterCapacityProviders: replaces a cluster's providers and default strategy.

use wire::ecs as shape;
use wire::ecs::PutClusterCapacityProviders;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::ops::cluster_resource;
use crate::ecs::ops::update_cluster::change;
use crate::ecs::rules::cluster as rules;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for PutClusterCapacityProviders {
    fn access(ctx: &OpCtx, input: &shape::PutClusterCapacityProvidersRequest) -> Access {
        let cluster = cluster_resource(ctx, Some(&input.cluster));
        let access = Access::new("ecs:PutClusterCapacityProviders", cluster);
        let providers = input.capacity_providers.iter();
        providers.fold(access, |access, provider| access.with("ecs:capacity-provider", provider))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::PutClusterCapacityProvidersRequest,
    ) -> Result<shape::PutClusterCapacityProvidersResponse, ServiceError> {
        let providers = input.capacity_providers;
        rules::check_providers(&providers)?;
        let strategy = rules::strategy(input.default_capacity_provider_strategy, &providers)?;
        let cluster = change(ctx, &input.cluster, |cluster| {
            cluster.capacity_providers = providers;
            cluster.default_capacity_provider_strategy = strategy;
        });
        Ok(shape::PutClusterCapacityProvidersResponse { cluster: Some(cluster.await?) })
    }
}
