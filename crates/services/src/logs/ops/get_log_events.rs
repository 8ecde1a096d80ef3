//! GetLogEvents: a stream's events, and tokens to go on in both directions.
//!
//! A token is a position between events. At either end of the stream the answer is empty and
//! carries the token that was passed, so that a client knows it has seen all for now.
//!
//! Deviation: tokens do not expire after 24 hours.

use std::sync::Arc;

use ::wire::logs::{GetLogEvents, GetLogEventsRequest, GetLogEventsResponse, OutputLogEvent};
use model::Timestamp;
use telemetry::{Direction, Entry, Key};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::classes::{self, Feature};
use crate::logs::error::Error;
use crate::logs::retention::visible_from;
use crate::logs::token::{self, Position};
use crate::logs::wire::{group_of, stream_access_arn, stream_name};
use crate::logs::{select, store};
use crate::room::Handler;

impl Handler for GetLogEvents {
    fn access(ctx: &OpCtx, input: &GetLogEventsRequest) -> Access {
        let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
        Access::new(
            "logs:GetLogEvents",
            stream_access_arn(&ctx.scope, name, identifier, &input.log_stream_name),
        )
    }

    async fn run(ctx: &OpCtx, input: GetLogEventsRequest) -> Result<GetLogEventsResponse, ServiceError> {
        let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
        let snapshot = ctx.cloud.store.snapshot();
        let group = store::group(&snapshot, &ctx.scope, &group_of(&ctx.scope, name, identifier)?)?;
        classes::allow(&group, Feature::Reading)?;
        let stream = store::stream(&snapshot, group.id, &stream_name(&input.log_stream_name)?)?.id;
        let from = match &input.next_token {
            Some(token) => token::parse_position(token)?,
            None if input.start_from_head == Some(true) => Position::Forward(FIRST),
            None => Position::Backward(Key::MAX),
        };
        let (direction, after) = match from {
            Position::Forward(key) => (Direction::Ascending, key),
            Position::Backward(key) => (Direction::Descending, key),
        };
        let start = visible_from(&group, input.start_time, ctx.now);
        let end = input.end_time.map(Timestamp::from_millis);
        let only = Arc::new(move |id| id == stream);
        let mut query = select::query(&group, only, start, end, direction, Some(after));
        query.limit = select::limit(input.limit);
        let mut entries = ctx.cloud.logs.select(&query).await.map_err(Error::from)?.entries;
        if direction == Direction::Descending {
            entries.reverse();
        }
        Ok(answer(from, &entries))
    }
}

/// Before every event: sequence numbers begin at one.
const FIRST: Key = Key { timestamp: 0, seq: 0 };

fn answer(from: Position, entries: &[Entry]) -> GetLogEventsResponse {
    let (forward, backward) = match (entries.first(), entries.last()) {
        (Some(first), Some(last)) => (last.key, first.key),
        _ => match from {
            Position::Forward(key) => (key, Key { seq: key.seq.saturating_add(1), ..key }),
            // An empty stream read from its end: whatever comes lies after its beginning.
            Position::Backward(Key::MAX) => (FIRST, FIRST),
            Position::Backward(key) => (Key { seq: key.seq.saturating_sub(1), ..key }, key),
        },
    };
    let event = |entry: &Entry| OutputLogEvent {
        timestamp: Some(entry.key.timestamp),
        message: Some(entry.message.to_string()),
        ingestion_time: Some(entry.ingested_at.as_millis()),
    };
    GetLogEventsResponse {
        events: Some(entries.iter().map(event).collect()),
        next_forward_token: Some(token::position(Position::Forward(forward))),
        next_backward_token: Some(token::position(Position::Backward(backward))),
    }
}
