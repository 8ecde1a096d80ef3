//! Which segments and tables hold a group's events: the pointer records and their image in memory.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use model::Record;
use model::logs::LogGroupId;
use serde::{Deserialize, Serialize};
use store::{Key as RowKey, Row, key};

use crate::event::Key;
use crate::memtable::Memtable;
use crate::segment::Place;

/// The pointer to a segment: committed after its blob is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRow {
    /// The group whose events it holds.
    pub group: LogGroupId,
    /// The log store that wrote it.
    pub owner: String,
    /// Its number among the segments of its owner.
    pub number: u64,
    /// The generations of the owner's write-ahead log that it covers, for this group.
    pub generations: (u64, u64),
    /// The time of its first event, in epoch milliseconds.
    pub first_timestamp: i64,
    /// The sequence number of its first event.
    pub first_seq: u64,
    /// The time of its last event.
    pub last_timestamp: i64,
    /// The sequence number of its last event.
    pub last_seq: u64,
    /// The greatest sequence number in it.
    pub greatest_seq: u64,
    /// How many events it holds.
    pub events: u64,
    /// The size of their texts.
    pub raw_bytes: u64,
    /// The size of the blob.
    pub stored_bytes: u64,
    /// Where in the blob the index begins.
    pub index_at: u64,
    /// How long the index is.
    pub index_len: u64,
}

impl Record for SegmentRow {}

impl Row for SegmentRow {
    const TABLE: &'static str = "logs/segment";

    fn key(&self) -> RowKey {
        key![self.group.to_string(), self.owner, self.number]
    }
}

impl SegmentRow {
    /// The name of the blob.
    pub fn blob(&self) -> String {
        format!("{}{:016x}", blob_prefix(&self.owner), self.number)
    }

    pub(crate) fn first(&self) -> Key {
        Key { timestamp: self.first_timestamp, seq: self.first_seq }
    }

    pub(crate) fn last(&self) -> Key {
        Key { timestamp: self.last_timestamp, seq: self.last_seq }
    }

    pub(crate) fn index_place(&self) -> Place {
        Place { at: self.index_at, len: self.index_len }
    }
}

/// Where the blobs of `owner` lie.
pub(crate) fn blob_prefix(owner: &str) -> String {
    format!("logs/{owner}/")
}

/// The segments of one group, shared with the readers that look at them.
pub(crate) type Segments = Arc<Vec<Arc<SegmentRow>>>;

/// A table that is on its way into segments.
pub(crate) struct Frozen {
    pub(crate) table: Arc<Memtable>,
    pub(crate) last_generation: u64,
}

/// Everything that holds events at one moment.
pub(crate) struct Catalog {
    pub(crate) active: Arc<Memtable>,
    pub(crate) frozen: Option<Frozen>,
    segments: HashMap<LogGroupId, Segments>,
    /// Groups that were dropped while `frozen` was being written out.
    dropped: HashSet<LogGroupId>,
}

/// What a reader of one group looks at; it does not change under the reader.
pub(crate) struct View {
    pub(crate) tables: Vec<Arc<Memtable>>,
    pub(crate) segments: Segments,
}

impl Catalog {
    pub(crate) fn new(active: Arc<Memtable>, rows: Vec<Arc<SegmentRow>>) -> Self {
        let mut by_group: HashMap<LogGroupId, Vec<Arc<SegmentRow>>> = HashMap::new();
        for row in rows {
            by_group.entry(row.group).or_default().push(row);
        }
        let segments = by_group.into_iter().map(|(group, rows)| (group, Arc::new(rows))).collect();
        Catalog { active, frozen: None, segments, dropped: HashSet::new() }
    }

    pub(crate) fn view(&self, group: LogGroupId) -> View {
        View { tables: self.tables().map(Arc::clone).collect(), segments: self.segments(group) }
    }

    /// Every table that holds events.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        std::iter::once(&self.active).chain(self.frozen.as_ref().map(|frozen| &frozen.table))
    }

    pub(crate) fn segments(&self, group: LogGroupId) -> Segments {
        self.segments.get(&group).cloned().unwrap_or_default()
    }

    /// The last arrival in a group.
    pub(crate) fn newest(&self, group: LogGroupId) -> u64 {
        let written =
            self.segments.get(&group).and_then(|rows| rows.iter().map(|row| row.greatest_seq).max());
        self.tables().map(|table| table.newest(group)).chain(written).max().unwrap_or(0)
    }

    /// Every group that has a segment.
    pub(crate) fn groups_with_segments(&self) -> Vec<LogGroupId> {
        self.segments.keys().copied().collect()
    }

    /// Every group that has an event.
    pub(crate) fn groups(&self) -> BTreeSet<LogGroupId> {
        let mut groups: BTreeSet<LogGroupId> = self.segments.keys().copied().collect();
        groups.extend(self.tables().flat_map(|table| table.groups()));
        groups
    }

    /// Makes the active table the frozen one.
    pub(crate) fn freeze(&mut self, last_generation: u64) {
        let next = Arc::new(Memtable::new(last_generation + 1));
        let table = std::mem::replace(&mut self.active, next);
        self.frozen = Some(Frozen { table, last_generation });
    }

    /// Replaces the frozen table by the segments written from it, all at once. Answers the
    /// segments of groups that were dropped meanwhile: nobody wants them.
    pub(crate) fn thaw(&mut self, rows: Vec<SegmentRow>) -> Vec<SegmentRow> {
        self.frozen = None;
        let dropped = std::mem::take(&mut self.dropped);
        let (unwanted, wanted): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| dropped.contains(&row.group));
        for row in wanted {
            let segments = self.segments.entry(row.group).or_default();
            Arc::make_mut(segments).push(Arc::new(row));
        }
        unwanted
    }

    /// Forgets a group; answers the segments it had.
    pub(crate) fn drop_group(&mut self, group: LogGroupId) -> Segments {
        if self.frozen.is_some() {
            self.dropped.insert(group);
        }
        self.segments.remove(&group).unwrap_or_default()
    }

    /// Exchanges segments of one group for others; false when the old are no longer all there.
    pub(crate) fn replace(
        &mut self,
        group: LogGroupId,
        old: &[Arc<SegmentRow>],
        new: Option<SegmentRow>,
    ) -> bool {
        let Some(segments) = self.segments.get_mut(&group) else { return false };
        let numbers: HashSet<(&str, u64)> = old.iter().map(|row| (row.owner.as_str(), row.number)).collect();
        let is_old = |row: &SegmentRow| numbers.contains(&(row.owner.as_str(), row.number));
        if segments.iter().filter(|row| is_old(row)).count() != old.len() {
            return false;
        }
        let rows = Arc::make_mut(segments);
        rows.retain(|row| !is_old(row));
        rows.extend(new.map(Arc::new));
        if rows.is_empty() {
            self.segments.remove(&group);
        }
        true
    }
}
