//! DescribeListenerCertificates: the default one first.

use store::key;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::wire::listener::certificate;
use crate::elbv2::{find, page};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeListenerCertificates {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("elasticloadbalancing:DescribeListenerCertificates")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = find::listener(&snapshot, &ctx.scope, &input.listener_arn)?;
        let all = found.certificates.iter().zip(0u32..).map(|(arn, at)| (key![at], (arn, at == 0)));
        let (shown, next_marker) = page::cut_by(all, input.marker.as_deref(), input.page_size)?;
        let certificates = shown.into_iter().map(|(arn, is_default)| certificate(arn, Some(is_default)));
        Ok(Self::Output { certificates: Some(certificates.collect()), next_marker })
    }
}
