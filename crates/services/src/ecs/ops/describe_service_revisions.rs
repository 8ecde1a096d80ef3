//! DescribeServiceRevisions: what deployments' tasks are made from, by ARN.

use store::key;
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::of_service;
use crate::ecs::error::Error;
use crate::ecs::ops::missing;
use crate::ecs::rules::identifier;
use crate::ecs::service_view;
use crate::ecs::store::ServiceRevisionRow;
use crate::error::ServiceError;
use crate::room::Handler;

/// The most ARNs of one request.
const MAX_ARNS: usize = 20;

impl Handler for shape::DescribeServiceRevisions {
    fn access(_: &OpCtx, input: &shape::DescribeServiceRevisionsRequest) -> Access {
        let arns = &input.service_revision_arns;
        of_service(Access::each("ecs:DescribeServiceRevisions", arns), arns)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DescribeServiceRevisionsRequest,
    ) -> Result<shape::DescribeServiceRevisionsResponse, ServiceError> {
        let arns = input.service_revision_arns;
        if arns.is_empty() || arns.len() > MAX_ARNS {
            let text = if arns.is_empty() { "empty" } else { "more than 20" };
            return Err(Error::InvalidParameter(format!("serviceRevisionArns cannot be {text}.")).into());
        }
        let snapshot = ctx.cloud.store.snapshot();
        let (mut revisions, mut failures) = (Vec::new(), Vec::new());
        for arn in arns {
            let named = identifier::of_service(&arn, "service-revision", &ctx.scope)?;
            let found = named.and_then(|(cluster, service, id)| {
                let key = key![ctx.scope, cluster.as_str(), service.as_str(), id];
                snapshot.get::<ServiceRevisionRow>(&key)
            });
            match found {
                Some(found) => revisions.push(service_view::revision(&snapshot, &found)),
                None => failures.push(missing(arn)),
            }
        }
        Ok(shape::DescribeServiceRevisionsResponse {
            service_revisions: Some(revisions),
            failures: Some(failures),
        })
    }
}
