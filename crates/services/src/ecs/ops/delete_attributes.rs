//! DeleteAttributes: takes attributes away that users gave. One with a value goes only with that value.

use std::collections::BTreeMap;

use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::attribute;
use crate::ecs::ops::{cluster_resource, instance_resource};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::DeleteAttributes {
    fn access(ctx: &OpCtx, input: &shape::DeleteAttributesRequest) -> Access {
        let cluster = input.cluster.as_deref();
        let targets = input.attributes.iter().filter_map(|it| it.target_id.as_deref());
        let targets = targets.map(|raw| instance_resource(ctx, cluster, raw));
        Access::each("ecs:DeleteAttributes", targets).with("ecs:cluster", cluster_resource(ctx, cluster))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DeleteAttributesRequest,
    ) -> Result<shape::DeleteAttributesResponse, ServiceError> {
        let change = |own: &mut BTreeMap<String, Option<String>>, name: &str, value: Option<&str>| {
            if value.is_none() || own.get(name).and_then(|own| own.as_deref()) == value {
                own.remove(name);
            }
        };
        let edited = attribute::edit(ctx, input.cluster.as_deref(), input.attributes, change).await?;
        Ok(shape::DeleteAttributesResponse { attributes: Some(edited) })
    }
}
