//! DescribeAccountLimits: the quotas that this room keeps.

use store::key;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::page;
use crate::elbv2::rules::limit::LIMITS;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeAccountLimits {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("elasticloadbalancing:DescribeAccountLimits")
    }

    async fn run(_: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let limits = LIMITS.iter().zip(0u32..).map(|((name, most), at)| {
            let limit = shapes::Limit { name: Some((*name).to_owned()), max: Some(most.to_string()) };
            (key![at], limit)
        });
        let (limits, next_marker) = page::cut_by(limits, input.marker.as_deref(), input.page_size)?;
        Ok(Self::Output { limits: Some(limits), next_marker })
    }
}
