//! DescribeServiceDeployments: changes of services, by ARN.

use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::of_service;
use crate::ecs::error::Error;
use crate::ecs::ops::missing;
use crate::ecs::service_view;
use crate::error::ServiceError;
use crate::room::Handler;

/// The most ARNs of one request.
const MAX_ARNS: usize = 20;

impl Handler for shape::DescribeServiceDeployments {
    fn access(_: &OpCtx, input: &shape::DescribeServiceDeploymentsRequest) -> Access {
        let arns = &input.service_deployment_arns;
        of_service(Access::each("ecs:DescribeServiceDeployments", arns), arns)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DescribeServiceDeploymentsRequest,
    ) -> Result<shape::DescribeServiceDeploymentsResponse, ServiceError> {
        let arns = input.service_deployment_arns;
        if arns.is_empty() || arns.len() > MAX_ARNS {
            let text = if arns.is_empty() { "empty" } else { "more than 20" };
            return Err(Error::InvalidParameter(format!("serviceDeploymentArns cannot be {text}.")).into());
        }
        let snapshot = ctx.cloud.store.snapshot();
        let (mut records, mut failures) = (Vec::new(), Vec::new());
        for arn in arns {
            match service_view::find_record(&snapshot, &ctx.scope, &arn)? {
                Some((service, record)) => {
                    records.push(service_view::record(&snapshot, &service, &record));
                }
                None => failures.push(missing(arn)),
            }
        }
        Ok(shape::DescribeServiceDeploymentsResponse {
            service_deployments: Some(records),
            failures: Some(failures),
        })
    }
}
