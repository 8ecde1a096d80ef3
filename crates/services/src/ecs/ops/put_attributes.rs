//! PutAttributes: gives container instances attributes that constraints and queries may ask for.

use store::Txn;
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::attribute::{self, Target};
use crate::ecs::error::Error;
use crate::ecs::ops::cluster_resource;
use crate::ecs::rules::identifier;
use crate::ecs::store::active_cluster;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::PutAttributes {
    fn access(ctx: &OpCtx, input: &shape::PutAttributesRequest) -> Access {
        Access::new("ecs:PutAttributes", cluster_resource(ctx, input.cluster.as_deref()))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::PutAttributesRequest,
    ) -> Result<shape::PutAttributesResponse, ServiceError> {
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        let snapshot = ctx.cloud.store.snapshot();
        active_cluster(&snapshot, &ctx.scope, &name)?;
        let targets = attribute::targets(&snapshot, &ctx.scope, &name, input.attributes)?;
        let mut txn = Txn::new();
        for target in &targets {
            let next = target.changed(|own, name, value| {
                own.insert(name.to_owned(), value.map(str::to_owned));
            })?;
            txn = txn.update(&target.row, &next);
        }
        ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        let attributes = targets.iter().flat_map(Target::render).collect();
        Ok(shape::PutAttributesResponse { attributes: Some(attributes) })
    }
}
