//! DescribeSessions: the sessions of ECS Exec that are open or may be opened.
//!
//! Deviation: a session that has ended is forgotten, so the history is always empty.

use ::wire::ssm as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::room::Handler;
use crate::ssm::error::Error;
use crate::ssm::wire;

/// The page size when none is asked for, and the largest.
const LIMIT: usize = 200;

impl Handler for shapes::DescribeSessions {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ssm:DescribeSessions")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let limit =
            input.max_results.and_then(|it| usize::try_from(it).ok()).unwrap_or(LIMIT).clamp(1, LIMIT);
        // A token is the id of the last session that was shown.
        let after = input.next_token.unwrap_or_default();
        if !after.is_empty() && !after.starts_with("ecs-execute-command-") {
            return Err(Error::NextToken.into());
        }
        let filters = input.filters.unwrap_or_default();
        let mut found = Vec::new();
        if input.state == "Active" {
            for session in ctx.cloud.exec.of(&ctx.scope).iter().filter(|session| session.id > after) {
                let shown = wire::session(session);
                if wire::passes(&shown, &filters)? {
                    found.push(shown);
                }
            }
        }
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next_token = found.last().filter(|_| has_more).and_then(|last| last.session_id.clone());
        Ok(Self::Output { sessions: Some(found), next_token })
    }
}
