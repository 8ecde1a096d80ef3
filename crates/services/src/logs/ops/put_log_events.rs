//! PutLogEvents.
//!
//! Sequence tokens are ignored, as the service has done since 2023.
//!
//! Deviation: an entity is not kept; it is answered as rejected, and the events are stored.

use ::wire::logs::{
    PutLogEvents, PutLogEventsRequest, PutLogEventsResponse, RejectedEntityInfo, RejectedLogEventsInfo,
};
use model::Timestamp;
use telemetry::{Batch, EVENT_OVERHEAD_BYTES, Event};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::logs::rules::{self, Verdict};
use crate::logs::wire::{group_name, stream_access_arn, stream_name};
use crate::logs::{store, token};
use crate::room::Handler;

impl Handler for PutLogEvents {
    fn access(ctx: &OpCtx, input: &PutLogEventsRequest) -> Access {
        let arn = stream_access_arn(&ctx.scope, Some(&input.log_group_name), None, &input.log_stream_name);
        Access::new("logs:PutLogEvents", arn)
    }

    async fn run(ctx: &OpCtx, input: PutLogEventsRequest) -> Result<PutLogEventsResponse, ServiceError> {
        ctx.cloud.log_quotas.take_request(&ctx.scope, ctx.now)?;
        let snapshot = ctx.cloud.store.snapshot();
        let group = store::group(&snapshot, &ctx.scope, &group_name(&input.log_group_name)?)?;
        let stream = store::stream(&snapshot, group.id, &stream_name(&input.log_stream_name)?)?;
        let times: Vec<i64> = input.log_events.iter().map(|event| event.timestamp).collect();
        let bytes = input.log_events.iter().map(|e| e.message.len() as u64 + EVENT_OVERHEAD_BYTES).sum();
        let verdict = rules::judge(&times, bytes, ctx.now, group.retention)?;
        ctx.cloud.log_quotas.take_bytes(group.id, bytes, ctx.now)?;
        let rejected_entity_info =
            input.entity.map(|_| RejectedEntityInfo { error_type: "UnsupportedLogGroupType".to_owned() });
        let mut events = input.log_events;
        events.truncate(verdict.stored.end);
        let events: Vec<Event> = events
            .into_iter()
            .skip(verdict.stored.start)
            .map(|e| Event { timestamp: Timestamp::from_millis(e.timestamp), message: e.message })
            .collect();
        if !events.is_empty() {
            let batch =
                Batch { group: group.id, stream: stream.id, ingested_at: ctx.now, source: None, events };
            ctx.cloud.logs.append(batch).await.map_err(Error::from)?;
        }
        let sequence = u64::try_from(ctx.now.as_millis()).unwrap_or(0);
        Ok(PutLogEventsResponse {
            next_sequence_token: Some(token::sequence(sequence)),
            rejected_log_events_info: rejected(&verdict),
            rejected_entity_info,
        })
    }
}

fn rejected(verdict: &Verdict) -> Option<RejectedLogEventsInfo> {
    let index = |at: Option<usize>| at.and_then(|at| i32::try_from(at).ok());
    let info = RejectedLogEventsInfo {
        too_new_log_event_start_index: index(verdict.too_new_start),
        too_old_log_event_end_index: index(verdict.too_old_end),
        expired_log_event_end_index: index(verdict.expired_end),
    };
    (info != RejectedLogEventsInfo::default()).then_some(info)
}
