//! DeleteAttributes: takes attributes away that users gave. One with a value goes only with that value.

use std::collections::BTreeMap;

use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::attribute;
use crate::ecs::ops::cluster_resource;
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
        let change = |own: &mut BTreeMap<String, Option<String>>, name: &str, value: Option<&str>| {
            if value.is_none() || own.get(name).and_then(|own| own.as_deref()) == value {
                own.remove(name);
            }
        };
        let edited = attribute::edit(ctx, input.cluster.as_deref(), input.attributes, change).await?;
        Ok(shape::DeleteAttributesResponse { attributes: Some(edited) })
    }
}
