//! StopReplicationBackfill: what was copied stays, the rest is left.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::ops::backfill_named;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::StopReplicationBackfill {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:StopReplicationBackfill")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        parse::own_registry(ctx, input.registry_id.as_ref())?;
        loop {
            let known = backfill_named(ctx, &input.replication_backfill_id)?;
            if !known.is_going_on() {
                return Err(Error::BackfillEnded(known.id.clone()).into());
            }
            // The worker may have written meanwhile.
            let stopped = ctx.cloud.registry.stop_backfill(&known, ctx.now).await.map_err(Error::from)?;
            if let Some(stopped) = stopped {
                return Ok(Self::Output {
                    registry_id: Some(ctx.scope.account.to_string()),
                    replication_backfill_id: Some(stopped.id.clone()),
                    destination: Some(parse::destination(ctx, &stopped.destination)),
                    status: Some(parse::backfill_status(stopped.state).to_owned()),
                    started_at: Some(stopped.started_at.as_millis()),
                });
            }
        }
    }
}
