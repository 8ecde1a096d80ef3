//! PutAttributes: gives container instances attributes that constraints and queries may ask for.

use std::collections::BTreeMap;

use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::attribute;
use crate::ecs::ops::{cluster_resource, instance_resource};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::PutAttributes {
    fn access(ctx: &OpCtx, input: &shape::PutAttributesRequest) -> Access {
        let cluster = input.cluster.as_deref();
        let targets = input.attributes.iter().filter_map(|it| it.target_id.as_deref());
        let targets = targets.map(|raw| instance_resource(ctx, cluster, raw));
        Access::each("ecs:PutAttributes", targets).with("ecs:cluster", cluster_resource(ctx, cluster))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::PutAttributesRequest,
    ) -> Result<shape::PutAttributesResponse, ServiceError> {
        let change = |own: &mut BTreeMap<String, Option<String>>, name: &str, value: Option<&str>| {
            own.insert(name.to_owned(), value.map(str::to_owned));
        };
        let edited = attribute::edit(ctx, input.cluster.as_deref(), input.attributes, change).await?;
        Ok(shape::PutAttributesResponse { attributes: Some(edited) })
    }
}
