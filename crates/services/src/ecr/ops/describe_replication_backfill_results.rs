//! DescribeReplicationBackfillResults: how far a backfill is, and once it has ended, each image.

use registry::tables::{BackfillItem, ReplicaState};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::ops::backfill_named;
use crate::ecr::page;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeReplicationBackfillResults {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:DescribeReplicationBackfillResults")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        parse::own_registry(ctx, input.registry_id.as_ref())?;
        let known = backfill_named(ctx, &input.replication_backfill_id)?;
        let items = ctx.cloud.registry.backfill_items(&known.id);
        let progress = parse::backfill_progress(&known, &items);
        let wanted = input.result_status_filter;
        let mut results: Vec<shapes::ReplicationBackfillResult> = Vec::new();
        if !known.is_going_on() {
            results.extend(items.iter().flat_map(|item| results_of(item)));
            results.retain(|result| wanted.as_ref().is_none_or(|wanted| *wanted == result.status));
        }
        let after: Option<usize> = page::position(input.next_token.as_ref())?;
        let after = after.unwrap_or(0);
        let end = after.saturating_add(page::limit(input.max_results)).min(results.len());
        let more = end < results.len();
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            replication_backfill_id: Some(known.id.clone()),
            destination: Some(parse::destination(ctx, &known.destination)),
            status: Some(parse::backfill_status(known.state).to_owned()),
            failure_code: None,
            progress,
            // What has ended does not change: a position is enough.
            results: Some(results.get(after..end).unwrap_or_default().to_vec()),
            started_at: Some(known.started_at.as_millis()),
            ended_at: known.ended_at.map(|time| time.as_millis()),
            next_token: more.then(|| page::token(&end)),
        })
    }
}

/// One result for each tag of an image, or one for an image without.
fn results_of(item: &BackfillItem) -> Vec<shapes::ReplicationBackfillResult> {
    let status = match item.state {
        // It was not reached before the backfill was stopped.
        ReplicaState::Pending => return Vec::new(),
        ReplicaState::Complete => "COMPLETE",
        ReplicaState::Failed => "FAILED",
    };
    let result = |tag| shapes::ReplicationBackfillResult {
        repository_name: item.name.to_string(),
        image_id: parse::identifier(&item.digest, tag),
        status: status.to_owned(),
        failure_code: item.failure.clone(),
        sub_image_failure_codes: None,
    };
    if item.tags.is_empty() {
        vec![result(None)]
    } else {
        item.tags.iter().map(|tag| result(Some(tag))).collect()
    }
}
