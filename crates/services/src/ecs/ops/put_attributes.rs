//! PutAttributes: gives container instances attributes that constraints and queries may ask for.

use std::collections::BTreeMap;

use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::attribute;
use crate::ecs::ops::cluster_resource;
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
        let change = |own: &mut BTreeMap<String, Option<String>>, name: &str, value: Option<&str>| {
            own.insert(name.to_owned(), value.map(str::to_owned));
        };
        let edited = attribute::edit(ctx, input.cluster.as_deref(), input.attributes, change).await?;
        Ok(shape::PutAttributesResponse { attributes: Some(edited) })
    }
}
