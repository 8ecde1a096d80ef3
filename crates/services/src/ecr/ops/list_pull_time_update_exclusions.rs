//! ListPullTimeUpdateExclusions: the principals whose pulls are not recorded.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::page;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ListPullTimeUpdateExclusions {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:ListPullTimeUpdateExclusions")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let after: Option<String> = page::position(input.next_token.as_ref())?;
        let limit = page::limit(input.max_results);
        let settings = ctx.cloud.registry.settings(&ctx.scope);
        let behind =
            settings.unrecorded.into_keys().filter(|arn| after.as_ref().is_none_or(|after| arn > after));
        let mut arns: Vec<String> = behind.take(limit + 1).collect();
        let more = arns.len() > limit;
        arns.truncate(limit);
        let next_token = arns.last().filter(|_| more).map(page::token);
        Ok(Self::Output { pull_time_update_exclusions: Some(arns), next_token })
    }
}
