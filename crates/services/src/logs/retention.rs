//! Retention, acted on: what is expired is neither shown nor kept.

use std::sync::Arc;

use model::Timestamp;
use model::logs::LogGroup;
use telemetry::StreamFilter;

use crate::cloud::Cloud;
use crate::logs::error::Error;
use crate::logs::store;

/// The earliest time of which events of `group` are shown, given what the caller asks for.
pub(crate) fn visible_from(group: &LogGroup, asked: Option<i64>, now: Timestamp) -> Option<Timestamp> {
    let asked = asked.map(Timestamp::from_millis);
    asked.max(group.retention.map(|retention| retention.cutoff(now)))
}

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Segments beyond their group's retention.
    pub segments: usize,
    /// Groups whose deletion had been interrupted.
    pub groups: usize,
    /// Segments rewritten without streams that are gone.
    pub rewritten: usize,
}

/// Removes expired segments, the events of deleted streams, and what interrupted deletions left.
pub(crate) async fn sweep(cloud: &Cloud, now: Timestamp) -> Result<Swept, Error> {
    // Before the rows: a group that comes in between is then not taken for an orphan.
    let with_events = cloud.logs.groups();
    let snapshot = cloud.store.snapshot();
    let mut swept = Swept::default();
    let mut orphans = with_events;
    let mut limited = Vec::new();
    for group in store::all_groups(&snapshot) {
        orphans.remove(&group.id);
        limited.extend(group.retention.map(|retention| (group.id, retention.cutoff(now))));
    }
    for group in store::all_groups(&snapshot) {
        // The streams of this moment, not of the snapshot: new ones may have events already.
        let (state, id) = (cloud.store.clone(), group.id);
        let lives: StreamFilter =
            Arc::new(move |stream| store::stream_by_id(&state.snapshot(), id, stream).is_some());
        swept.rewritten += cloud.logs.purge(id, &lives).await?;
    }
    for (group, cutoff) in limited {
        swept.segments += cloud.logs.expire(group, cutoff).await?;
    }
    for group in orphans {
        store::delete_contents(&cloud.store, group).await?;
        cloud.logs.drop_group(group).await?;
        swept.groups += 1;
    }
    Ok(swept)
}
