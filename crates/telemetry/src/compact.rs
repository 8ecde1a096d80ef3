//! Joins small segments of a group into larger ones, so that a query opens few.
//!
//! Segments of a like size (within a factor of eight) are joined once there are `fan_in` of them.
//! Only segments whose log files are gone take part: the generations in a joined pointer then
//! never matter to a replay.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::logs::LogGroupId;
use store::{Row, Txn};

use crate::catalog::SegmentRow;
use crate::error::{Error, Result};
use crate::event::Key;
use crate::flush::{blocking, store_segment};
use crate::segment::{Block, Index, SegmentWriter};
use crate::shared::Shared;

/// Events handed to the packing thread at once.
const RUN_EVENTS: usize = 4096;
/// Bytes handed to the packing thread at once.
const RUN_BYTES: usize = 1 << 20;

/// Joins what is due whenever a table was written out, until the store closes.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut closing = shared.closing.subscribe();
    let mut thawed = shared.thawed.subscribe();
    loop {
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            changed = thawed.changed() => if changed.is_err() { return },
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
            join(shared, group, due).await?;
        }
    }
    Ok(())
}

/// The segments of `group` to join next.
fn due(shared: &Shared, group: LogGroupId) -> Option<Vec<Arc<SegmentRow>>> {
    let oldest = shared.oldest_generation.load(Ordering::Acquire);
    let options = &shared.options;
    let mut tiers: BTreeMap<u32, Vec<Arc<SegmentRow>>> = BTreeMap::new();
    for row in shared.catalog.read().segments(group).iter() {
        let settled = row.owner == options.owner && row.generations.1 < oldest;
        if settled && row.raw_bytes < options.segment_bytes / 2 {
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
async fn next_run(shared: &Shared, feeds: &mut [Feed]) -> Result<Run> {
    let mut run = Run::default();
    while run.events.len() < RUN_EVENTS && run.payload.len() < RUN_BYTES {
        let least = feeds.iter_mut().filter(|feed| feed.key().is_some()).min_by_key(|feed| feed.key());
        let Some(feed) = least else { break };
        let series = feed.index.series[feed.block.series[feed.at] as usize].id;
        let start = run.payload.len();
        run.payload.extend_from_slice(feed.block.payload_of(feed.at));
        let place = start..run.payload.len();
        run.events.push((feed.block.keys[feed.at], series, feed.block.ingested[feed.at], place));
        feed.at += 1;
        feed.refill(shared).await?;
    }
    Ok(run)
}

async fn join(shared: &Shared, group: LogGroupId, old: Vec<Arc<SegmentRow>>) -> Result<()> {
    let mut feeds = Vec::with_capacity(old.len());
    for row in &old {
        let index = shared.index_of(row).await?;
        let mut feed = Feed { row: Arc::clone(row), index, next_block: 0, block: Block::default(), at: 0 };
        feed.refill(shared).await?;
        feeds.push(feed);
    }
    let mut writer = blocking(SegmentWriter::new).await?;
    loop {
        let run = next_run(shared, &mut feeds).await?;
        if run.events.is_empty() {
            break;
        }
        writer = blocking(move || run.push_to(writer)).await?;
    }
    let generations = old.iter().fold((u64::MAX, 0), |(first, last), row| {
        (first.min(row.generations.0), last.max(row.generations.1))
    });
    drop(feeds);
    let Some(new) = store_segment(shared, writer, group, generations).await? else { return Ok(()) };
    exchange(shared, group, old, new).await
}

/// Points to the new segment instead of the old ones, unless the group changed meanwhile.
async fn exchange(
    shared: &Shared,
    group: LogGroupId,
    old: Vec<Arc<SegmentRow>>,
    new: SegmentRow,
) -> Result<()> {
    let mut txn = Txn::new().put(&new);
    for row in &old {
        txn = txn.expect_present::<SegmentRow>(&row.key()).delete::<SegmentRow>(&row.key());
    }
    match shared.store.commit(txn).await {
        Ok(_) => {}
        Err(error) if error.is_conflict() => return shared.blobs.delete(&new.blob()).await,
        Err(error) => return Err(Error::store("exchanging segment pointers", error)),
    }
    let replaced = shared.catalog.write().replace(group, &old, Some(new.clone()));
    if !replaced {
        // The group was dropped between the commit and now.
        shared.unpoint(vec![Arc::new(new)]).await?;
    }
    shared.retire(old);
    shared.delete_retired().await
}
