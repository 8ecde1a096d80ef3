//! DescribeListenerAttributes.

use model::elbv2::{Listener, attribute};
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::find;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeListenerAttributes {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("elasticloadbalancing:DescribeListenerAttributes")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = find::listener(&snapshot, &ctx.scope, &input.listener_arn)?;
        Ok(Self::Output { attributes: Some(attributes(&found)) })
    }
}

/// Every attribute of a listener with its value.
pub(super) fn attributes(it: &Listener) -> Vec<shapes::ListenerAttribute> {
    let all = it.attributes.effective(attribute::of_listener(it.protocol));
    all.map(|(key, value)| shapes::ListenerAttribute {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    })
    .collect()
}
