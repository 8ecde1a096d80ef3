//! Recent events in memory, in order, until a segment holds them.
//!
//! A table covers a run of generations of the write-ahead log. The active one is written by
//! the writer alone; a frozen one changes no more, but for groups and streams that are deleted.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, RangeInclusive};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::Timestamp;
use model::logs::{LogGroupId, LogStreamId};
use parking_lot::RwLock;

use crate::event::{Batch, Entry, Key, StreamStats};
use crate::wal::Record;

/// What an event costs in memory besides its text: map node, key, reference counts.
const HELD_OVERHEAD: usize = 112;

/// How many events are copied under one hold of the lock, so that reading never starves writing.
pub(crate) const CHUNK: usize = 1024;

/// Events of many groups, in memory.
pub(crate) struct Memtable {
    groups: RwLock<BTreeMap<LogGroupId, GroupTable>>,
    bytes: AtomicUsize,
    first_generation: u64,
}

#[derive(Default)]
struct GroupTable {
    events: BTreeMap<Key, Held>,
    streams: HashMap<LogStreamId, StreamStats>,
    /// The last arrival.
    newest: u64,
}

struct Held {
    stream: LogStreamId,
    ingested_at: i64,
    message: Arc<str>,
}

impl Memtable {
    /// An empty table whose events are in the log from `first_generation` on.
    pub(crate) fn new(first_generation: u64) -> Self {
        Memtable { groups: RwLock::default(), bytes: AtomicUsize::new(0), first_generation }
    }

    pub(crate) fn first_generation(&self) -> u64 {
        self.first_generation
    }

    /// The memory that the table takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.groups.read().is_empty()
    }

    /// Adds the events of `batches`, each with the sequence number of its first event.
    pub(crate) fn insert(&self, batches: impl IntoIterator<Item = (u64, Batch)>) {
        let mut groups = self.groups.write();
        for (first_seq, batch) in batches {
            let table = groups.entry(batch.group).or_default();
            let ingested_at = batch.ingested_at.as_millis();
            let mut added = 0;
            let arrived = batch.events.len() as u64;
            table.newest = table.newest.max((first_seq + arrived).saturating_sub(1));
            for (event, seq) in batch.events.into_iter().zip(first_seq..) {
                let timestamp = event.timestamp.as_millis();
                let stats = StreamStats::of(timestamp, ingested_at, event.message.len());
                table.streams.entry(batch.stream).and_modify(|s| s.add(stats)).or_insert(stats);
                added += event.message.len() + HELD_OVERHEAD;
                let held = Held { stream: batch.stream, ingested_at, message: event.message.into() };
                table.events.insert(Key { timestamp, seq }, held);
            }
            self.bytes.fetch_add(added, Ordering::Relaxed);
        }
    }

    /// Does what a record of the log says about deletion.
    pub(crate) fn forget(&self, record: &Record) {
        match record {
            Record::DropGroup(group) => self.drop_group(*group),
            Record::DropStream(group, stream) => self.drop_stream(*group, *stream),
            Record::Checkpoint(_) | Record::Append { .. } => {}
        }
    }

    /// Forgets a deleted group.
    pub(crate) fn drop_group(&self, group: LogGroupId) {
        let dropped = self.groups.write().remove(&group);
        let bytes = dropped.map_or(0, |table| table.events.values().map(Held::bytes).sum());
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Forgets a deleted stream.
    pub(crate) fn drop_stream(&self, group: LogGroupId, stream: LogStreamId) {
        let mut groups = self.groups.write();
        let Some(table) = groups.get_mut(&group) else { return };
        if table.streams.remove(&stream).is_none() {
            return;
        }
        let mut bytes = 0;
        table.events.retain(|_, held| {
            let stays = held.stream != stream;
            bytes += if stays { 0 } else { held.bytes() };
            stays
        });
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The groups that have events.
    pub(crate) fn groups(&self) -> Vec<LogGroupId> {
        self.groups.read().iter().filter(|(_, t)| !t.events.is_empty()).map(|(id, _)| *id).collect()
    }

    /// The statistics of a group's streams.
    pub(crate) fn stats(&self, group: LogGroupId, mut each: impl FnMut(LogStreamId, StreamStats)) {
        if let Some(table) = self.groups.read().get(&group) {
            table.streams.iter().for_each(|(&stream, &stats)| each(stream, stats));
        }
    }

    /// The statistics of one stream.
    pub(crate) fn stream_stats(&self, group: LogGroupId, stream: LogStreamId) -> Option<StreamStats> {
        self.groups.read().get(&group)?.streams.get(&stream).copied()
    }

    /// Whether any of a group's streams in this table is wanted.
    pub(crate) fn has_any(&self, group: LogGroupId, wanted: impl Fn(LogStreamId) -> bool) -> bool {
        self.groups.read().get(&group).is_some_and(|t| t.streams.keys().any(|&s| wanted(s)))
    }

    /// The time of a group's first event.
    pub(crate) fn oldest(&self, group: LogGroupId) -> Option<i64> {
        self.groups.read().get(&group)?.events.first_key_value().map(|(key, _)| key.timestamp)
    }

    /// The last arrival in a group.
    pub(crate) fn newest(&self, group: LogGroupId) -> u64 {
        self.groups.read().get(&group).map_or(0, |table| table.newest)
    }

    /// Copies at most [`CHUNK`] events of `group` within `range`, from its lower or upper end; of
    /// those that arrived so, where that is asked.
    pub(crate) fn chunk(
        &self,
        group: LogGroupId,
        range: (Bound<Key>, Bound<Key>),
        ascending: bool,
        arrived: Option<&RangeInclusive<u64>>,
    ) -> Vec<Entry> {
        let groups = self.groups.read();
        let Some(table) = groups.get(&group) else { return Vec::new() };
        let is_wanted = |(key, _): &(&Key, &Held)| arrived.is_none_or(|arrived| arrived.contains(&key.seq));
        let events = table.events.range(range).filter(is_wanted);
        if ascending {
            events.take(CHUNK).map(entry).collect()
        } else {
            events.rev().take(CHUNK).map(entry).collect()
        }
    }
}

impl Held {
    fn bytes(&self) -> usize {
        self.message.len() + HELD_OVERHEAD
    }
}

fn entry((&key, held): (&Key, &Held)) -> Entry {
    Entry {
        key,
        stream: held.stream,
        ingested_at: Timestamp::from_millis(held.ingested_at),
        message: Arc::clone(&held.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn table() -> Memtable {
        let table = Memtable::new(1);
        for (seq, (stream, timestamp)) in [(1, 30), (2, 10), (1, 20)].into_iter().enumerate() {
            let batch = Batch {
                group: LogGroupId::from_bits(9),
                stream: LogStreamId::from_bits(stream),
                ingested_at: Timestamp::from_millis(100),
                source: None,
                events: vec![Event {
                    timestamp: Timestamp::from_millis(timestamp),
                    message: format!("at {timestamp}"),
                }],
            };
            table.insert([(seq as u64, batch)]);
        }
        table
    }

    fn messages(table: &Memtable, ascending: bool) -> Vec<String> {
        let all = (Bound::Unbounded, Bound::Unbounded);
        let chunk = table.chunk(LogGroupId::from_bits(9), all, ascending, None);
        chunk.into_iter().map(|e| e.message.to_string()).collect()
    }

    #[test]
    fn events_come_back_in_order_of_time_from_either_end() {
        assert_eq!(messages(&table(), true), ["at 10", "at 20", "at 30"]);
        assert_eq!(messages(&table(), false), ["at 30", "at 20", "at 10"]);
    }

    #[test]
    fn dropping_everything_gives_all_memory_back() {
        let table = table();
        table.drop_stream(LogGroupId::from_bits(9), LogStreamId::from_bits(1));
        assert_eq!(messages(&table, true), ["at 10"]);
        table.drop_group(LogGroupId::from_bits(9));
        assert!(table.bytes() == 0 && table.is_empty());
    }
}
