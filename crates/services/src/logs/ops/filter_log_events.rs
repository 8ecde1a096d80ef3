//! FilterLogEvents: events of a group's streams that match a pattern, interleaved by time.
//!
//! A page may be empty and still have a token: one request reads a bounded amount.

use ::store::Snapshot;
use ::wire::logs::{FilterLogEvents, FilterLogEventsRequest, FilterLogEventsResponse, FilteredLogEvent};
use model::Timestamp;
use telemetry::{Direction, Entry, Key};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::classes::{self, Feature};
use crate::logs::error::Error;
use crate::logs::retention::visible_from;
use crate::logs::wire::{access_arn, group_of, stream_name};
use crate::logs::{select, store, token};
use crate::room::Handler;

/// The earliest start of a reading from the newest event on, by the service's own rule: 2024-01-01.
const NEWEST_FIRST_SINCE: i64 = 1_704_067_200_000;

impl Handler for FilterLogEvents {
    fn access(ctx: &OpCtx, input: &FilterLogEventsRequest) -> Access {
        let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
        Access::new("logs:FilterLogEvents", access_arn(&ctx.scope, name, identifier))
    }

    async fn run(
        ctx: &OpCtx,
        input: FilterLogEventsRequest,
    ) -> Result<FilterLogEventsResponse, ServiceError> {
        let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
        let snapshot = ctx.cloud.store.snapshot();
        let group = store::group(&snapshot, &ctx.scope, &group_of(&ctx.scope, name, identifier)?)?;
        classes::allow(&group, Feature::Reading)?;
        let names: Option<Result<Vec<_>, _>> =
            input.log_stream_names.as_ref().map(|names| names.iter().map(|raw| stream_name(raw)).collect());
        let names = names.transpose()?;
        let prefix = input.log_stream_name_prefix.as_deref();
        let streams = select::streams(&snapshot, &group, names.as_deref(), prefix)?;
        let (direction, after) = place(&input)?;
        let start = visible_from(&group, input.start_time, ctx.now);
        // Here the end is included, unlike in GetLogEvents.
        let end = input.end_time.map(|end| Timestamp::from_millis(end.saturating_add(1)));
        let query = select::query(&group, streams, start, end, direction, after);
        let mut query = select::with_pattern(query, input.filter_pattern.as_deref())?;
        query.limit = select::limit(input.limit);
        let page = ctx.cloud.logs.select(&query).await.map_err(Error::from)?;
        let events = page.entries.iter().filter_map(|entry| event(&snapshot, &group, entry)).collect();
        Ok(FilterLogEventsResponse {
            events: Some(events),
            // The service has answered an empty list since 2020.
            searched_log_streams: Some(Vec::new()),
            next_token: page.next.map(|key| next_token(direction, key)),
        })
    }
}

/// Where to begin and in which direction; a token knows both.
fn place(input: &FilterLogEventsRequest) -> Result<(Direction, Option<Key>), Error> {
    let Some(token) = &input.next_token else {
        let newest_first = input.start_from_head == Some(false);
        if newest_first && input.start_time.is_some_and(|start| start < NEWEST_FIRST_SINCE) {
            return Err(Error::parameter(
                "startFromHead false is supported only with a startTime on or after Jan 1, 2024 00:00:00 UTC.",
            ));
        }
        return Ok((if newest_first { Direction::Descending } else { Direction::Ascending }, None));
    };
    let invalid = || Error::parameter("The specified nextToken is invalid.");
    let [direction, timestamp, seq] = token::parse_opaque(token)?;
    let direction = match direction.as_str() {
        "f" => Direction::Ascending,
        "b" => Direction::Descending,
        _ => return Err(invalid()),
    };
    let timestamp = timestamp.parse().map_err(|_| invalid())?;
    Ok((direction, Some(Key { timestamp, seq: seq.parse().map_err(|_| invalid())? })))
}

fn next_token(direction: Direction, key: Key) -> String {
    let direction = match direction {
        Direction::Ascending => "f",
        Direction::Descending => "b",
    };
    token::opaque(&[direction, &key.timestamp.to_string(), &key.seq.to_string()])
}

fn event(snapshot: &Snapshot, group: &model::logs::LogGroup, entry: &Entry) -> Option<FilteredLogEvent> {
    let stream = store::stream_by_id(snapshot, group.id, entry.stream)?;
    Some(FilteredLogEvent {
        log_stream_name: Some(stream.name.to_string()),
        timestamp: Some(entry.key.timestamp),
        message: Some(entry.message.to_string()),
        ingestion_time: Some(entry.ingested_at.as_millis()),
        event_id: Some(token::event_id(entry.key)),
    })
}
