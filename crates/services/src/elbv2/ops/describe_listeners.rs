//! DescribeListeners: those of a load balancer, or those named.

use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::Error;
use crate::elbv2::store::listeners;
use crate::elbv2::wire::listener::write;
use crate::elbv2::{find, page};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeListeners {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("elasticloadbalancing:DescribeListeners")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let arns = input.listener_arns.unwrap_or_default();
        let rows = match (&input.load_balancer_arn, &arns[..]) {
            (None, []) => {
                let message = "You must specify either listener ARNs or a load balancer ARN";
                return Err(Error::validation(message).into());
            }
            (Some(_), [_, ..]) => {
                let message = "You cannot specify both listener ARNs and a load balancer ARN";
                return Err(Error::validation(message).into());
            }
            (Some(arn), []) => {
                let id = find::load_balancer(&snapshot, &ctx.scope, arn)?.id.clone();
                listeners(&snapshot, &ctx.scope, &id)
            }
            (None, arns) => {
                arns.iter().map(|arn| find::listener(&snapshot, &ctx.scope, arn)).collect::<Result<_, _>>()?
            }
        };
        let (rows, next_marker) = page::cut(rows, input.marker.as_deref(), input.page_size)?;
        Ok(Self::Output { listeners: Some(rows.iter().map(|row| write(row)).collect()), next_marker })
    }
}
