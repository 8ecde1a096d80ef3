//! Reading: the events of a group in order, out of tables and segments, block by block.
//!
//! Blocks are taken in the order in which they begin; what was found is given out once no unread
//! block can hold anything before it. So memory is bounded by a page and a few blocks, however
//! the segments overlap.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::ops::{Bound, RangeInclusive};
use std::sync::Arc;

use futures_util::future::try_join_all;
use model::Timestamp;
use model::logs::{LogGroupId, LogStreamId};

use crate::catalog::SegmentRow;
use crate::error::{Error, Result};
use crate::event::{Entry, Key};
use crate::need::{Predicate, Probe};
use crate::scan::{Wanted, scan_block};
use crate::segment::Index;
use crate::shared::Shared;

/// How many blocks are unpacked at the same time.
const PARALLEL_BLOCKS: usize = 4;

/// From which end a query reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The oldest first.
    Ascending,
    /// The newest first.
    Descending,
}

/// Decides which streams a query reads.
pub type StreamFilter = Arc<dyn Fn(LogStreamId) -> bool + Send + Sync>;

/// What to read.
#[derive(Clone)]
pub struct Query {
    /// The group.
    pub group: LogGroupId,
    /// Which of its streams.
    pub streams: StreamFilter,
    /// The earliest time wanted.
    pub start: Option<Timestamp>,
    /// The first time no longer wanted.
    pub end: Option<Timestamp>,
    /// From which end.
    pub direction: Direction,
    /// Go on behind this event, in the query's direction.
    pub after: Option<Key>,
    /// Only events that arrived so: by their sequence numbers. All when absent.
    pub arrived: Option<RangeInclusive<u64>>,
    /// Which events; all when absent.
    pub predicate: Option<Arc<dyn Predicate>>,
    /// At most this many events.
    pub limit: usize,
    /// At most this many bytes of text, but at least one event.
    pub max_bytes: u64,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The events, in the query's direction.
    pub entries: Vec<Entry>,
    /// Where to go on; none when everything was read.
    pub next: Option<Key>,
}

impl Query {
    /// A key as a rank that ascends in the query's direction. It is its own inverse.
    pub(crate) fn rank(&self, key: Key) -> Key {
        match self.direction {
            Direction::Ascending => key,
            Direction::Descending => Key { timestamp: !key.timestamp, seq: !key.seq },
        }
    }

    /// The keys that the query may answer.
    pub(crate) fn bounds(&self) -> (Bound<Key>, Bound<Key>) {
        let at = |time: Timestamp| Key { timestamp: time.as_millis(), seq: 0 };
        let start = self.start.map_or(Bound::Unbounded, |time| Bound::Included(at(time)));
        let end = self.end.map_or(Bound::Unbounded, |time| Bound::Excluded(at(time)));
        let Some(after) = self.after else { return (start, end) };
        match self.direction {
            Direction::Ascending if !below(after, start) => (Bound::Excluded(after), end),
            Direction::Descending if !above(after, end) => (start, Bound::Excluded(after)),
            Direction::Ascending | Direction::Descending => (start, end),
        }
    }
}

fn below(key: Key, start: Bound<Key>) -> bool {
    matches!(start, Bound::Included(first) if key < first)
}

fn above(key: Key, end: Bound<Key>) -> bool {
    matches!(end, Bound::Excluded(first_beyond) if key >= first_beyond)
}

/// Whether bounds are empty for certain; a `BTreeMap` panics on some that are.
pub(crate) fn is_empty(bounds: (Bound<Key>, Bound<Key>)) -> bool {
    match bounds {
        (Bound::Included(first), Bound::Excluded(beyond)) => first >= beyond,
        (Bound::Excluded(before), Bound::Excluded(beyond)) => before >= beyond,
        _ => false,
    }
}

fn overlaps(bounds: (Bound<Key>, Bound<Key>), first: Key, last: Key) -> bool {
    let begins = match bounds.0 {
        Bound::Included(start) => last >= start,
        Bound::Excluded(start) => last > start,
        Bound::Unbounded => true,
    };
    begins && !above(first, bounds.1)
}

/// A block that may hold something, by the rank at which it begins.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    rank: Key,
    segment: usize,
    block: usize,
}

/// A segment that has been opened.
struct Opened {
    row: Arc<SegmentRow>,
    index: Arc<Index>,
    wanted: Arc<Vec<bool>>,
}

struct Reading<'a> {
    shared: &'a Shared,
    query: &'a Query,
    probe: Arc<Probe>,
    bounds: (Bound<Key>, Bound<Key>),
    unopened: VecDeque<(Key, Arc<SegmentRow>)>,
    opened: Vec<Opened>,
    candidates: BinaryHeap<Reverse<Candidate>>,
    found: BTreeMap<Key, Entry>,
    page: Page,
    page_bytes: u64,
    unpacked_bytes: u64,
}

/// Answers a query.
pub(crate) async fn select(shared: &Shared, query: &Query) -> Result<Page> {
    let bounds = query.bounds();
    if query.limit == 0 || is_empty(bounds) {
        return Ok(Page::default());
    }
    let view = shared.catalog.read().view(query.group);
    let first_rank = |row: &SegmentRow| query.rank(row.first()).min(query.rank(row.last()));
    let mut unopened: Vec<_> = view
        .segments
        .iter()
        .filter(|row| overlaps(bounds, row.first(), row.last()))
        .filter(|row| query.arrived.as_ref().is_none_or(|arrived| row.greatest_seq >= *arrived.start()))
        .map(|row| (first_rank(row), Arc::clone(row)))
        .collect();
    unopened.sort_by_key(|(rank, _)| *rank);
    let probe = query.predicate.as_ref().map_or(&crate::Need::Nothing, |p| p.need());
    let mut reading = Reading {
        shared,
        query,
        probe: Arc::new(Probe::new(probe)),
        bounds,
        unopened: unopened.into(),
        opened: Vec::new(),
        candidates: BinaryHeap::new(),
        found: BTreeMap::new(),
        page: Page::default(),
        page_bytes: 0,
        unpacked_bytes: 0,
    };
    for table in &view.tables {
        reading.read_table(table);
    }
    reading.read_segments().await?;
    Ok(reading.page)
}

impl Reading<'_> {
    /// Finds the first matches in a table: no more than a page can hold.
    fn read_table(&mut self, table: &crate::memtable::Memtable) {
        let query = self.query;
        if !table.has_any(query.group, |stream| (query.streams)(stream)) {
            return;
        }
        let mut bounds = self.bounds;
        let (mut events, mut bytes) = (0, 0);
        let ascending = query.direction == Direction::Ascending;
        while !is_empty(bounds) && events < query.limit && bytes < query.max_bytes {
            let chunk = table.chunk(query.group, bounds, ascending, query.arrived.as_ref());
            let Some(last) = chunk.last().map(|entry| entry.key) else { break };
            if ascending {
                bounds.0 = Bound::Excluded(last)
            } else {
                bounds.1 = Bound::Excluded(last)
            }
            for entry in chunk {
                let accepted = query.predicate.as_ref().is_none_or(|p| p.matches(&entry.message));
                if accepted && (query.streams)(entry.stream) {
                    events += 1;
                    bytes += entry.counted_bytes();
                    self.found.insert(query.rank(entry.key), entry);
                }
            }
        }
        self.prune();
    }

    async fn read_segments(&mut self) -> Result<()> {
        loop {
            self.open_due().await?;
            let frontier = self.frontier();
            if self.give_out(frontier) {
                return Ok(());
            }
            let Some(frontier) = frontier else { return Ok(()) };
            if self.unpacked_bytes >= self.shared.options.scan_bytes {
                // Everything before the frontier was read and given out: go on from there.
                self.page.next = Some(self.query.rank(before(frontier)));
                return Ok(());
            }
            self.unpack_some().await?;
        }
    }

    /// The rank at which the first unread block begins.
    fn frontier(&self) -> Option<Key> {
        let block = self.candidates.peek().map(|Reverse(candidate)| candidate.rank);
        let segment = self.unopened.front().map(|(rank, _)| *rank);
        block.into_iter().chain(segment).min()
    }

    /// Opens the segments that begin before the first known block.
    async fn open_due(&mut self) -> Result<()> {
        while let Some((rank, _)) = self.unopened.front() {
            if self.candidates.peek().is_some_and(|Reverse(candidate)| candidate.rank < *rank) {
                return Ok(());
            }
            let Some((_, row)) = self.unopened.pop_front() else { return Ok(()) };
            self.open(row).await?;
        }
        Ok(())
    }

    async fn open(&mut self, row: Arc<SegmentRow>) -> Result<()> {
        let index = self.shared.index_of(&row).await?;
        let wanted: Vec<bool> =
            index.series.iter().map(|s| (self.query.streams)(LogStreamId::from_bits(s.id))).collect();
        if !wanted.contains(&true) {
            return Ok(());
        }
        let filters = match self.probe.is_useful() {
            true => Some(self.shared.blobs.get_range(&row.blob(), index.filters()).await?),
            false => None,
        };
        let segment = self.opened.len();
        for (block, meta) in index.blocks.iter().enumerate() {
            let has_series = meta.series.is_empty() || meta.series.iter().any(|&s| wanted[s as usize]);
            if !has_series || !overlaps(self.bounds, meta.first, meta.last) {
                continue;
            }
            let filter = filters.as_ref().and_then(|bytes| meta.filter_in(bytes, index.filters().at));
            if filter.is_some_and(|filter| !self.probe.may_be_in(&filter)) {
                continue;
            }
            let rank = self.query.rank(meta.first).min(self.query.rank(meta.last));
            self.candidates.push(Reverse(Candidate { rank, segment, block }));
        }
        self.opened.push(Opened { row, index, wanted: Arc::new(wanted) });
        Ok(())
    }

    /// Moves what comes before `frontier` to the page; true when the page is complete.
    fn give_out(&mut self, frontier: Option<Key>) -> bool {
        while let Some((&rank, _)) = self.found.first_key_value() {
            if frontier.is_some_and(|frontier| rank >= frontier) {
                return false;
            }
            let Some((_, entry)) = self.found.pop_first() else { return false };
            self.page_bytes += entry.counted_bytes();
            if self.page_bytes > self.query.max_bytes && !self.page.entries.is_empty() {
                self.page.next = self.page.entries.last().map(|entry| entry.key);
                return true;
            }
            self.page.entries.push(entry);
            if self.page.entries.len() >= self.query.limit {
                let more = !self.found.is_empty() || frontier.is_some();
                self.page.next = self.page.entries.last().filter(|_| more).map(|entry| entry.key);
                return true;
            }
        }
        false
    }

    /// Unpacks the next few blocks at once and keeps what matches.
    async fn unpack_some(&mut self) -> Result<()> {
        let mut scans = Vec::with_capacity(PARALLEL_BLOCKS);
        while scans.len() < PARALLEL_BLOCKS {
            let Some(Reverse(candidate)) = self.candidates.pop() else { break };
            let opened = &self.opened[candidate.segment];
            self.unpacked_bytes += opened.index.blocks[candidate.block].raw_len as u64;
            let wanted = Wanted {
                bounds: self.bounds,
                series: Arc::clone(&opened.wanted),
                arrived: self.query.arrived.clone(),
                predicate: self.query.predicate.clone(),
                probe: Arc::clone(&self.probe),
            };
            scans.push(scan(
                self.shared,
                Arc::clone(&opened.row),
                Arc::clone(&opened.index),
                candidate.block,
                wanted,
            ));
        }
        for entry in try_join_all(scans).await?.into_iter().flatten() {
            self.found.insert(self.query.rank(entry.key), entry);
        }
        self.prune();
        Ok(())
    }

    /// Forgets what can no longer fit the page: its own beginning fills it.
    fn prune(&mut self) {
        let room = self.query.limit - self.page.entries.len();
        let mut bytes = self.page_bytes;
        let fits = self.found.values().take(room).take_while(|entry| {
            let before = bytes;
            bytes += entry.counted_bytes();
            before <= self.query.max_bytes
        });
        let keep = fits.count();
        // One more than fits: it tells whether anything follows the page.
        if let Some(beyond) = self.found.keys().nth(keep + 1).copied() {
            self.found.split_off(&beyond);
        }
    }
}

async fn scan(
    shared: &Shared,
    row: Arc<SegmentRow>,
    index: Arc<Index>,
    block: usize,
    wanted: Wanted,
) -> Result<Vec<Entry>> {
    let blob = row.blob();
    let stored = shared.blobs.get_range(&blob, index.blocks[block].place).await?;
    let scanned = tokio::task::spawn_blocking(move || scan_block(&stored, &index, block, &wanted));
    scanned.await.map_err(|_| Error::Closed)?.map_err(|e| Error::damaged(blob, e))
}

/// The rank just before `rank`.
fn before(rank: Key) -> Key {
    match rank.seq.checked_sub(1) {
        Some(seq) => Key { timestamp: rank.timestamp, seq },
        None => Key { timestamp: rank.timestamp.saturating_sub(1), seq: u64::MAX },
    }
}
