//! DescribeLogStreams.

use std::collections::HashMap;
use std::sync::Arc;

use ::wire::logs::{DescribeLogStreams, DescribeLogStreamsRequest, DescribeLogStreamsResponse};
use model::logs::{LogGroup, LogStreamId};
use telemetry::StreamStats;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::logs::store::StreamRow;
use crate::logs::wire::{self, access_arn, group_of};
use crate::logs::{store, token};
use crate::room::Handler;

/// The page size when none is asked for.
const LIMIT_DEFAULT: usize = 50;

impl Handler for DescribeLogStreams {
    fn access(ctx: &OpCtx, input: &DescribeLogStreamsRequest) -> Access {
        let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
        Access::new("logs:DescribeLogStreams", access_arn(&ctx.scope, name, identifier))
    }

    async fn run(
        ctx: &OpCtx,
        input: DescribeLogStreamsRequest,
    ) -> Result<DescribeLogStreamsResponse, ServiceError> {
        let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
        let name = group_of(&ctx.scope, name, identifier)?;
        let by_time = input.order_by.as_deref() == Some("LastEventTime");
        let prefix = input.log_stream_name_prefix.as_deref();
        if by_time && prefix.is_some() {
            return Err(Error::parameter("Cannot order by LastEventTime with a logStreamNamePrefix.").into());
        }
        let snapshot = ctx.cloud.store.snapshot();
        let group = store::group(&snapshot, &ctx.scope, &name)?.row;
        let stats = ctx.cloud.logs.group_stats(group.id).await.map_err(Error::from)?;
        let mut ordered: Vec<Ordered> = store::streams(&snapshot, group.id, prefix.unwrap_or_default())
            .map(|stream| Ordered::new(stream, &stats, by_time))
            .collect();
        ordered.sort_by(|a, b| a.place.cmp(&b.place));
        if input.descending == Some(true) {
            ordered.reverse();
        }
        let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LIMIT_DEFAULT);
        Ok(page(&group, ordered, &stats, &input, limit)?)
    }
}

/// A stream and its place in the order that was asked for: time of its last event, then name.
struct Ordered {
    place: (i64, String),
    stream: Arc<StreamRow>,
}

impl Ordered {
    fn new(stream: Arc<StreamRow>, stats: &HashMap<LogStreamId, StreamStats>, by_time: bool) -> Self {
        // Streams without events come before all others, as they were never written to.
        let time =
            if by_time { stats.get(&stream.id).map_or(i64::MIN, |s| s.last_event.as_millis()) } else { 0 };
        Ordered { place: (time, stream.name.to_string()), stream }
    }
}

fn page(
    group: &LogGroup,
    mut ordered: Vec<Ordered>,
    stats: &HashMap<LogStreamId, StreamStats>,
    input: &DescribeLogStreamsRequest,
    limit: usize,
) -> Result<DescribeLogStreamsResponse, Error> {
    if let Some(token) = &input.next_token {
        let [time, name] = token::parse_opaque(token)?;
        let time = time.parse().map_err(|_| Error::parameter("The specified nextToken is invalid."))?;
        let after = (time, name);
        let descending = input.descending == Some(true);
        ordered.retain(|o| if descending { o.place < after } else { o.place > after });
    }
    let more = ordered.len() > limit;
    ordered.truncate(limit);
    let next_token = ordered
        .last()
        .filter(|_| more)
        .map(|last| token::opaque(&[&last.place.0.to_string(), last.stream.name.as_str()]));
    let shown = |o: &Ordered| wire::stream(group, &o.stream, stats.get(&o.stream.id).copied());
    Ok(DescribeLogStreamsResponse { log_streams: Some(ordered.iter().map(shown).collect()), next_token })
}
