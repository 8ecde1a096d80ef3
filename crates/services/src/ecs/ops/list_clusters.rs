//! ListClusters: the ARNs of the active clusters, by name.

use store::{Key, Row, Versioned, key};
use wire::ecs::{ListClusters, ListClustersRequest, ListClustersResponse};

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::rules::paging::Page;
use crate::ecs::store::ClusterRow;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for ListClusters {
    fn access(_: &OpCtx, _: &ListClustersRequest) -> Access {
        Access::any("ecs:ListClusters")
    }

    async fn run(ctx: &OpCtx, input: ListClustersRequest) -> Result<ListClustersResponse, ServiceError> {
        let prefix = key![ctx.scope];
        let page = Page::read(input.next_token.as_deref(), input.max_results, &prefix)?;
        let snapshot = ctx.cloud.store.snapshot();
        let position = |row: &Versioned<ClusterRow>| Some(row.row.key());
        let load = |after: Option<&Key>, limit| snapshot.page::<ClusterRow>(&prefix, after, limit);
        let found = page.fill(load, position, |cluster| cluster.is_active());
        let (clusters, next_token) = page.cut(found, position);
        let arns = clusters.iter().map(|cluster| cluster.arn().to_string()).collect();
        Ok(ListClustersResponse { cluster_arns: Some(arns), next_token })
    }
}
