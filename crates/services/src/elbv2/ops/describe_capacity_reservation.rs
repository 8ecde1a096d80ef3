//! DescribeCapacityReservation: nothing is reserved, and ModifyCapacityReservation is not served.

use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::find;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeCapacityReservation {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("elasticloadbalancing:DescribeCapacityReservation")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        find::load_balancer(&snapshot, &ctx.scope, &input.load_balancer_arn)?;
        Ok(Self::Output::default())
    }
}
