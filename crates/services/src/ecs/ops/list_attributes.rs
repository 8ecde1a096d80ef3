//! ListAttributes: who has an attribute. All attributes of a cluster's container instances, filtered.

use store::{Key, Row, key};
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::instances;
use crate::ecs::ops::cluster_resource;
use crate::ecs::rules::identifier;
use crate::ecs::rules::paging::Page;
use crate::ecs::store::active_cluster;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::ListAttributes {
    fn access(ctx: &OpCtx, input: &shape::ListAttributesRequest) -> Access {
        Access::new("ecs:ListAttributes", cluster_resource(ctx, input.cluster.as_deref()))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::ListAttributesRequest,
    ) -> Result<shape::ListAttributesResponse, ServiceError> {
        if input.attribute_value.is_some() && input.attribute_name.is_none() {
            return Err(
                Error::InvalidParameter("Attribute name must be set when value is set.".into()).into()
            );
        }
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        let snapshot = ctx.cloud.store.snapshot();
        active_cluster(&snapshot, &ctx.scope, &name)?;
        let prefix = key![ctx.scope, name.as_str()];
        let page = Page::read(input.next_token.as_deref(), input.max_results, &prefix)?;
        let mut found: Vec<(Key, shape::Attribute)> = Vec::new();
        for member in instances::of_cluster(&snapshot, &ctx.scope, &name) {
            for (attribute, value) in member.attributes() {
                let position = member.row.row.key().join(&key![attribute]);
                let wanted = input.attribute_name.as_ref().is_none_or(|name| *name == attribute)
                    && input.attribute_value.as_ref().is_none_or(|wanted| value.as_ref() == Some(wanted));
                if wanted && page.after.as_ref().is_none_or(|after| position > *after) {
                    let target_id = Some(member.row.arn().to_string());
                    found.push((
                        position,
                        shape::Attribute { name: attribute, value, target_type: None, target_id },
                    ));
                }
            }
            if found.len() > page.limit {
                break;
            }
        }
        let (found, next_token) = page.cut(found, |(position, _)| Some(position.clone()));
        let attributes = found.into_iter().map(|(_, attribute)| attribute).collect();
        Ok(shape::ListAttributesResponse { attributes: Some(attributes), next_token })
    }
}
