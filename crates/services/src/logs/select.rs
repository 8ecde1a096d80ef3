//! Queries of the log store on behalf of GetLogEvents and FilterLogEvents.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::store::Snapshot;
use model::Timestamp;
use model::logs::{LogGroup, LogStreamName};
use telemetry::pattern::Pattern;
use telemetry::{Direction, Key, Query, StreamFilter};

use crate::logs::error::Error;
use crate::logs::store;

/// The most events of a page.
pub(crate) const PAGE_EVENTS_MAX: usize = 10_000;
/// The most bytes of a page.
pub(crate) const PAGE_BYTES_MAX: u64 = 1_048_576;

/// The page size that a request asks for.
pub(crate) fn limit(asked: Option<i32>) -> usize {
    asked
        .and_then(|limit| usize::try_from(limit).ok())
        .map_or(PAGE_EVENTS_MAX, |limit| limit.clamp(1, PAGE_EVENTS_MAX))
}

/// Which streams of a group a FilterLogEvents asks for.
pub(crate) fn streams(
    snapshot: &Snapshot,
    group: &LogGroup,
    names: Option<&[LogStreamName]>,
    prefix: Option<&str>,
) -> Result<StreamFilter, Error> {
    match (names, prefix) {
        (Some(_), Some(_)) => {
            Err(Error::parameter("Only one of logStreamNames and logStreamNamePrefix can be specified."))
        }
        (Some(names), None) => {
            let ids: Result<BTreeSet<_>, _> = names
                .iter()
                .map(|name| store::stream(snapshot, group.id, name).map(|stream| stream.id))
                .collect();
            let ids = ids?;
            Ok(Arc::new(move |id| ids.contains(&id)))
        }
        // A stream that was deleted may still have events in segments: its id has no row.
        (None, prefix) => {
            let (snapshot, group) = (snapshot.clone(), group.id);
            let prefix = prefix.unwrap_or_default().to_owned();
            Ok(Arc::new(move |id| {
                store::stream_by_id(&snapshot, group, id)
                    .is_some_and(|s| s.name.as_str().starts_with(&prefix))
            }))
        }
    }
}

/// A query over `streams` within `start..end`.
pub(crate) fn query(
    group: &LogGroup,
    streams: StreamFilter,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    direction: Direction,
    after: Option<Key>,
) -> Query {
    Query {
        group: group.id,
        streams,
        start,
        end,
        direction,
        after,
        arrived: None,
        predicate: None,
        limit: PAGE_EVENTS_MAX,
        max_bytes: PAGE_BYTES_MAX,
    }
}

/// The query with a filter pattern.
pub(crate) fn with_pattern(mut query: Query, pattern: Option<&str>) -> Result<Query, Error> {
    let pattern = Pattern::parse(pattern.unwrap_or_default())?;
    if !pattern.is_everything() {
        query.predicate = Some(Arc::new(pattern));
    }
    Ok(query)
}
