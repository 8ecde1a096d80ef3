//! DeleteAttributes: takes attributes away that users gave. One with a value goes only with that value.

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

impl Handler for shape::DeleteAttributes {
    fn access(ctx: &OpCtx, input: &shape::DeleteAttributesRequest) -> Access {
        Access::new("ecs:DeleteAttributes", cluster_resource(ctx, input.cluster.as_deref()))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DeleteAttributesRequest,
    ) -> Result<shape::DeleteAttributesResponse, ServiceError> {
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        let snapshot = ctx.cloud.store.snapshot();
        active_cluster(&snapshot, &ctx.scope, &name)?;
        let targets = attribute::targets(&snapshot, &ctx.scope, &name, input.attributes)?;
        let mut txn = Txn::new();
        for target in &targets {
            let next = target.changed(|own, name, value| {
                if value.is_none() || own.get(name).and_then(|own| own.as_deref()) == value {
                    own.remove(name);
                }
            })?;
            txn = txn.update(&target.row, &next);
        }
        ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        let attributes = targets.iter().flat_map(Target::render).collect();
        Ok(shape::DeleteAttributesResponse { attributes: Some(attributes) })
    }
}
