//! ListReplicationBackfills: those of the last 90 days, the newest first.

use registry::tables::Backfill;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::page;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ListReplicationBackfills {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:ListReplicationBackfills")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        parse::own_registry(ctx, input.registry_id.as_ref())?;
        let registry = &ctx.cloud.registry;
        let after: Option<(i64, String)> = page::position(input.next_token.as_ref())?;
        let position = |row: &Backfill| (row.started_at.as_millis(), row.id.clone());
        let mut rows = registry.backfills(&ctx.scope);
        rows.retain(|row| after.as_ref().is_none_or(|after| position(row) < *after));
        let limit = page::limit(input.max_results);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let summary = |row: &Backfill| shapes::ReplicationBackfillSummary {
            replication_backfill_id: row.id.clone(),
            destination: parse::destination(ctx, &row.destination),
            status: parse::backfill_status(row.state).to_owned(),
            failure_code: None,
            progress: parse::backfill_progress(row, &registry.backfill_items(&row.id)),
            started_at: row.started_at.as_millis(),
            ended_at: row.ended_at.map(|time| time.as_millis()),
        };
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            next_token: rows.last().filter(|_| more).map(|row| page::token(&position(row))),
            backfills: Some(rows.iter().map(|row| summary(row)).collect()),
        })
    }
}
