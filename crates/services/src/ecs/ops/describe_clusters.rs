//! DescribeClusters: clusters by name or ARN; `default` when none is named.

use std::collections::BTreeSet;

use store::key;
use wire::ecs::{DescribeClusters, DescribeClustersRequest, DescribeClustersResponse};

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, missing};
use crate::ecs::rules::identifier;
use crate::ecs::store::ClusterRow;
use crate::ecs::view::{self, Include};
use crate::error::ServiceError;
use crate::room::Handler;

/// The most clusters of one request.
const MAX_CLUSTERS: usize = 100;

impl Handler for DescribeClusters {
    fn access(ctx: &OpCtx, input: &DescribeClustersRequest) -> Access {
        match input.clusters.as_deref() {
            None | Some([]) => Access::new("ecs:DescribeClusters", cluster_resource(ctx, None)),
            Some(all) => Access::each(
                "ecs:DescribeClusters",
                all.iter().map(|raw| cluster_resource(ctx, Some(raw.as_str()))),
            ),
        }
    }

    async fn run(
        ctx: &OpCtx,
        input: DescribeClustersRequest,
    ) -> Result<DescribeClustersResponse, ServiceError> {
        let include = Include::read(input.include.as_deref());
        let named = input.clusters.filter(|clusters| !clusters.is_empty());
        let named = named.unwrap_or_else(|| vec!["default".to_owned()]);
        if named.len() > MAX_CLUSTERS {
            return Err(Error::InvalidParameter("Clusters cannot be more than 100.".into()).into());
        }
        let snapshot = ctx.cloud.store.snapshot();
        let (mut clusters, mut failures, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for raw in named {
            let name = match identifier::cluster(Some(raw.as_str()), &ctx.scope) {
                Ok(name) => name,
                Err(Error::ClusterNotFound) => {
                    failures.push(missing(raw));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if !seen.insert(name.clone()) {
                continue;
            }
            match snapshot.get::<ClusterRow>(&key![ctx.scope, name.as_str()]) {
                Some(cluster) => clusters.push(view::cluster(&snapshot, &cluster, include)),
                None => failures.push(missing(name.arn(&ctx.scope))),
            }
        }
        Ok(DescribeClustersResponse { clusters: Some(clusters), failures: Some(failures) })
    }
}
