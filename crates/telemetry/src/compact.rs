//! Joins small segments of a group into larger ones, so that a query opens few.
//!
//! Segments of a like size (within a factor of eight) are joined once there are `fan_in` of them.
//! Only segments whose log files are gone take part: the generations in a joined pointer then
//! never matter to a replay.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use model::Timestamp;
use model::logs::{LogGroupId, LogStreamId};
use store::{Row, Txn};

use crate::catalog::SegmentRow;
use crate::error::{Error, Result};
use crate::event::Key;
use crate::flush::{blocking, store_segment};
use crate::query::StreamFilter;
use crate::segment::{Block, Index, SegmentWriter};
use crate::shared::Shared;

/// A segment is rewritten when one event in this many belongs to a stream that is gone.
const PURGE_SHARE: u64 = 4;
/// How much too long an event may lie among younger ones in its segment.
const TRIM_LATE_MS: i64 = 86_400_000;
/// Events handed to the packing thread at once.
const RUN_EVENTS: usize = 4096;
/// Bytes handed to the packing thread at once.
const RUN_BYTES: usize = 1 << 20;

/// Joins what is due whenever a table was written out, until the store closes.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut closing = shared.closing.subscribe();
    let mut written = shared.oldest_generation.subscribe();
    loop {
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            changed = written.changed() => if changed.is_err() { return },
        }
        if let Err(error) = join_due(&shared).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "joining segments failed");
        }
    }
}

/// Joins what is due in every group.
pub(crate) async fn join_due(shared: &Shared) -> Result<()> {
    // Two joins at once would take the same segments.
    let _turn = shared.joining.lock().await;
    let groups = shared.catalog.read().groups_with_segments();
    for group in groups {
        while !*shared.closing.borrow() {
            let Some(due) = due(shared, group) else { break };
            join(shared, group, due, &|_, _| true).await?;
        }
    }
    Ok(())
}

/// Rewrites the segments of `group` that hold too much of streams that are gone; answers how many.
pub(crate) async fn purge(shared: &Shared, group: LogGroupId, lives: &StreamFilter) -> Result<usize> {
    let _turn = shared.joining.lock().await;
    let oldest = *shared.oldest_generation.borrow();
    let rows = shared.catalog.read().segments(group);
    let settled: Vec<Arc<SegmentRow>> =
        rows.iter().filter(|row| is_settled(shared, row, oldest)).cloned().collect();
    drop(rows);
    let mut purged = 0;
    for row in settled {
        let index = shared.index_of(&row).await?;
        // Asked after the segment is known: every stream in it that lives has its record by now.
        let dead: BTreeSet<u128> =
            index.series.iter().map(|s| s.id).filter(|&id| !lives(LogStreamId::from_bits(id))).collect();
        let dead_events: u64 =
            index.series.iter().filter(|s| dead.contains(&s.id)).map(|s| s.stats.events).sum();
        if dead_events * PURGE_SHARE < row.events.max(1) {
            continue;
        }
        drop(index);
        join(shared, group, vec![row], &|series, _| !dead.contains(&series)).await?;
        purged += 1;
    }
    Ok(purged)
}

/// Rewrites the segments of `group` that hold events more than a day older than `cutoff` without what is
/// older than `cutoff`; answers how many. So a segment is rewritten once a day at most.
pub(crate) async fn trim(shared: &Shared, group: LogGroupId, cutoff: Timestamp) -> Result<usize> {
    let _turn = shared.joining.lock().await;
    let oldest = *shared.oldest_generation.borrow();
    let rows = shared.catalog.read().segments(group);
    let is_late = |row: &SegmentRow| row.first_timestamp < cutoff.as_millis() - TRIM_LATE_MS;
    let late: Vec<Arc<SegmentRow>> =
        rows.iter().filter(|row| is_settled(shared, row, oldest) && is_late(row)).cloned().collect();
    drop(rows);
    let count = late.len();
    for row in late {
        join(shared, group, vec![row], &|_, timestamp| timestamp >= cutoff.as_millis()).await?;
    }
    Ok(count)
}

/// Whether a segment is ours and its log files are gone.
fn is_settled(shared: &Shared, row: &SegmentRow, oldest: u64) -> bool {
    row.owner == shared.options.owner && row.generations.1 < oldest
}

/// The segments of `group` to join next.
fn due(shared: &Shared, group: LogGroupId) -> Option<Vec<Arc<SegmentRow>>> {
    let oldest = *shared.oldest_generation.borrow();
    let options = &shared.options;
    let mut tiers: BTreeMap<u32, Vec<Arc<SegmentRow>>> = BTreeMap::new();
    for row in shared.catalog.read().segments(group).iter() {
        if is_settled(shared, row, oldest) && row.raw_bytes < options.segment_bytes / 2 {
            tiers.entry(row.raw_bytes.max(1).ilog2() / 3).or_default().push(Arc::clone(row));
        }
    }
    let (_, mut rows) = tiers.into_iter().find(|(_, rows)| rows.len() >= options.fan_in)?;
    rows.sort_by_key(|row| row.first());
    let mut bytes = 0;
    let fits = rows.iter().take_while(|row| {
        bytes += row.raw_bytes;
        bytes <= options.segment_bytes
    });
    let count = fits.count().clamp(2, options.fan_in * 4);
    rows.truncate(count);
    Some(rows)
}

/// Where the join stands in one of its segments.
struct Feed {
    row: Arc<SegmentRow>,
    index: Arc<Index>,
    next_block: usize,
    block: Block,
    at: usize,
}

impl Feed {
    fn key(&self) -> Option<Key> {
        self.block.keys.get(self.at).copied()
    }

    /// Unpacks the next block when this one is used up.
    async fn refill(&mut self, shared: &Shared) -> Result<()> {
        while self.at >= self.block.len() && self.next_block < self.index.blocks.len() {
            let meta = self.index.blocks[self.next_block].clone();
            let stored = shared.blobs.get_range(&self.row.blob(), meta.place).await?;
            let series = self.index.series.len();
            let unpacked = blocking(move || Ok(meta.unpack(&stored, series))).await?;
            self.block = unpacked.map_err(|e| Error::damaged(self.row.blob(), e))?;
            self.next_block += 1;
            self.at = 0;
        }
        Ok(())
    }
}

/// Some events of a join, in order.
#[derive(Default)]
struct Run {
    events: Vec<(Key, u128, i64, Range<usize>)>,
    payload: Vec<u8>,
}

impl Run {
    fn push_to(self, mut writer: SegmentWriter) -> std::io::Result<SegmentWriter> {
        for (key, series, ingested, range) in self.events {
            writer.push(key, series, ingested, &self.payload[range])?;
        }
        Ok(writer)
    }
}

/// The next events of all feeds, in order; none when the feeds are used up.
async fn next_run(shared: &Shared, feeds: &mut [Feed], keep: &Keep<'_>) -> Result<Run> {
    let mut run = Run::default();
    while run.events.len() < RUN_EVENTS && run.payload.len() < RUN_BYTES {
        let least = feeds.iter_mut().filter(|feed| feed.key().is_some()).min_by_key(|feed| feed.key());
        let Some(feed) = least else { break };
        let series = feed.index.series[feed.block.series[feed.at] as usize].id;
        if keep(series, feed.block.keys[feed.at].timestamp) {
            let start = run.payload.len();
            run.payload.extend_from_slice(feed.block.payload_of(feed.at));
            let place = start..run.payload.len();
            run.events.push((feed.block.keys[feed.at], series, feed.block.ingested[feed.at], place));
        }
        feed.at += 1;
        feed.refill(shared).await?;
    }
    Ok(run)
}

/// Decides, by series and time, which events a rewriting keeps.
type Keep<'k> = dyn Fn(u128, i64) -> bool + Sync + 'k;

async fn join(shared: &Shared, group: LogGroupId, old: Vec<Arc<SegmentRow>>, keep: &Keep<'_>) -> Result<()> {
    let mut feeds = Vec::with_capacity(old.len());
    for row in &old {
        let index = shared.index_of(row).await?;
        let mut feed = Feed { row: Arc::clone(row), index, next_block: 0, block: Block::default(), at: 0 };
        feed.refill(shared).await?;
        feeds.push(feed);
    }
    let mut writer = blocking(SegmentWriter::new).await?;
    loop {
        let run = next_run(shared, &mut feeds, keep).await?;
        if run.events.is_empty() {
            break;
        }
        writer = blocking(move || run.push_to(writer)).await?;
    }
    let generations = old.iter().fold((u64::MAX, 0), |(first, last), row| {
        (first.min(row.generations.0), last.max(row.generations.1))
    });
    drop(feeds);
    let new = store_segment(shared, writer, group, generations).await?;
    exchange(shared, group, old, new).await
}

/// Points to the new segment, if there is one, instead of the old ones, unless the group changed
/// meanwhile.
async fn exchange(
    shared: &Shared,
    group: LogGroupId,
    old: Vec<Arc<SegmentRow>>,
    new: Option<SegmentRow>,
) -> Result<()> {
    let mut txn = new.iter().fold(Txn::new(), |txn, row| txn.put(row));
    for row in &old {
        txn = txn.expect_present::<SegmentRow>(&row.key()).delete::<SegmentRow>(&row.key());
    }
    match shared.store.commit(txn).await {
        Ok(_) => {}
        Err(error) if error.is_conflict() => {
            return match new {
                Some(row) => shared.blobs.delete(&row.blob()).await,
                None => Ok(()),
            };
        }
        Err(error) => return Err(Error::store("exchanging segment pointers", error)),
    }
    let replaced = shared.catalog.write().replace(group, &old, new.clone());
    if !replaced {
        // The group was dropped between the commit and now.
        shared.unpoint(new.into_iter().map(Arc::new).collect()).await?;
    }
    shared.retire(old);
    shared.delete_retired().await
}
