//! StartReplicationBackfill: copies what was there before the rule that copies it.

use registry::replication::{MAX_BACKFILLS, NewBackfill};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::StartReplicationBackfill {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:StartReplicationBackfill")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        parse::own_registry(ctx, input.registry_id.as_ref())?;
        let registry = &ctx.cloud.registry;
        let destination = parse::destination_given(ctx, "destination", &input.destination)?;
        let settings = registry.settings(&ctx.scope);
        if !settings.replication.iter().any(|rule| rule.destinations.contains(&destination)) {
            let why = "the destination must be one of the registry's replication configuration";
            return Err(Error::parameter("destination", why).into());
        }
        let region = destination.region.to_string();
        let begun = registry.start_backfill(&ctx.scope, destination, ctx.now).await.map_err(Error::from)?;
        match begun {
            NewBackfill::Started(backfill) => Ok(Self::Output {
                replication_backfill_id: Some(backfill.id.clone()),
                registry_id: Some(ctx.scope.account.to_string()),
                destination: Some(parse::destination(ctx, &backfill.destination)),
                status: Some(parse::backfill_status(backfill.state).to_owned()),
                started_at: Some(backfill.started_at.as_millis()),
            }),
            NewBackfill::InProgress => Err(Error::BackfillInProgress(region).into()),
            NewBackfill::TooMany => Err(Error::TooManyBackfills(MAX_BACKFILLS).into()),
        }
    }
}
