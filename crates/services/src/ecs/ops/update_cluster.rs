//! UpdateCluster: changes what a cluster was created with.

use model::ecs::Cluster;
use store::Txn;
use wire::ecs as shape;
use wire::ecs::UpdateCluster;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::connect;
use crate::ecs::error::Error;
use crate::ecs::ops::cluster_resource;
use crate::ecs::rules::{cluster as rules, identifier};
use crate::ecs::store::{ClusterRow, active_cluster};
use crate::ecs::view::{self, Include};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for UpdateCluster {
    fn access(ctx: &OpCtx, input: &shape::UpdateClusterRequest) -> Access {
        Access::new("ecs:UpdateCluster", cluster_resource(ctx, Some(&input.cluster)))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::UpdateClusterRequest,
    ) -> Result<shape::UpdateClusterResponse, ServiceError> {
        let namespace = match &input.service_connect_defaults {
            Some(defaults) => Some(default_namespace(ctx, &input.cluster, defaults).await?),
            None => None,
        };
        let insights = rules::container_insights(input.settings)?;
        let configuration = input.configuration.map(rules::configuration).transpose()?;
        let cluster = change(ctx, &input.cluster, |cluster| {
            cluster.container_insights = insights.unwrap_or(cluster.container_insights);
            if configuration.is_some() {
                cluster.configuration = configuration;
            }
            if let Some(namespace) = namespace {
                cluster.namespace = namespace;
            }
        });
        Ok(shape::UpdateClusterResponse { cluster: Some(cluster.await?) })
    }
}

/// Finds or makes the default namespace of a cluster, which has to be there.
async fn default_namespace(
    ctx: &OpCtx,
    cluster: &str,
    given: &shape::ClusterServiceConnectDefaultsRequest,
) -> Result<Option<String>, Error> {
    let snapshot = ctx.cloud.store.snapshot();
    active_cluster(&snapshot, &ctx.scope, &identifier::cluster(Some(cluster), &ctx.scope)?)?;
    let (txn, namespace) = connect::default_namespace(ctx, &snapshot, Txn::new(), given)?;
    if !txn.is_read_only() {
        ctx.cloud.store.commit(txn).await?;
    }
    Ok(namespace)
}

/// Changes the active cluster that `raw` names, and renders it.
pub(crate) async fn change(
    ctx: &OpCtx,
    raw: &str,
    change: impl FnOnce(&mut Cluster),
) -> Result<shape::Cluster, Error> {
    let name = identifier::cluster(Some(raw), &ctx.scope)?;
    let found = active_cluster(&ctx.cloud.store.snapshot(), &ctx.scope, &name)?;
    let mut row = ClusterRow(Cluster::clone(&found));
    change(&mut row.0);
    if row != *found.row {
        ctx.cloud.store.commit(Txn::new().update(&found, &row)).await?;
    }
    Ok(view::cluster(&ctx.cloud.store.snapshot(), &row, Include::CHANGED))
}
