//! ModifyListenerAttributes.

use model::elbv2::{Listener, attribute};
use store::Txn;
use wire::elbv2 as shapes;

use super::describe_listener_attributes::attributes as attributes_of;
use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::Error;
use crate::elbv2::find;
use crate::elbv2::store::ListenerRow;
use crate::elbv2::wire::attribute as attribute_wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ModifyListenerAttributes {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:ModifyListenerAttributes", &input.listener_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = find::listener(&snapshot, &ctx.scope, &input.listener_arn)?;
        let pairs = input.attributes.into_iter().map(|pair| (pair.key, pair.value));
        let known = attribute::of_listener(found.protocol);
        let attributes = attribute_wire::set(&found.attributes, known, pairs, "Listener")?;
        let row = ListenerRow(Listener { attributes, ..found.row.0.clone() });
        ctx.cloud.store.commit(Txn::new().update(&found, &row)).await.map_err(Error::from)?;
        Ok(Self::Output { attributes: Some(attributes_of(&row)) })
    }
}
