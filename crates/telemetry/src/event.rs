//! What the log store holds: events of streams of groups, in one total order.
//!
//! A [`Key`] is unique: `seq` is given once, at ingestion. Order is by time, then by arrival.

use std::sync::Arc;

use model::Timestamp;
use model::logs::{LogGroupId, LogStreamId};

/// AWS counts this much for each event on top of its UTF-8 bytes.
pub const EVENT_OVERHEAD_BYTES: u64 = 26;

/// One event as its producer gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it happened, by its producer's clock.
    pub timestamp: Timestamp,
    /// The text.
    pub message: String,
}

/// The place of an event in the order of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// When the event happened.
    pub timestamp: i64,
    /// The order of arrival among all events of this store.
    pub seq: u64,
}

impl Key {
    /// Before every event.
    pub const MIN: Key = Key { timestamp: i64::MIN, seq: 0 };
    /// After every event.
    pub const MAX: Key = Key { timestamp: i64::MAX, seq: u64::MAX };
}

/// One event as it is read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the group's order.
    pub key: Key,
    /// The stream it belongs to.
    pub stream: LogStreamId,
    /// When the store took it.
    pub ingested_at: Timestamp,
    /// The text.
    pub message: Arc<str>,
}

impl Entry {
    /// What AWS counts for the event.
    pub fn counted_bytes(&self) -> u64 {
        self.message.len() as u64 + EVENT_OVERHEAD_BYTES
    }
}

/// Where a batch comes from, so that shipping it twice stores it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name of the spool.
    pub id: String,
    /// Where in the spool the batch begins.
    pub offset: u64,
    /// Where the next batch will begin.
    pub next: u64,
}

/// Events of one stream on their way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The group.
    pub group: LogGroupId,
    /// The stream.
    pub stream: LogStreamId,
    /// When the store took the batch.
    pub ingested_at: Timestamp,
    /// The spool it comes from, if it may be sent again.
    pub source: Option<Source>,
    /// The events.
    pub events: Vec<Event>,
}

/// What is known of a stream's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamStats {
    /// The time of the earliest event.
    pub first_event: Timestamp,
    /// The time of the latest event.
    pub last_event: Timestamp,
    /// When an event last came in.
    pub last_ingestion: Timestamp,
    /// How many events there are.
    pub events: u64,
    /// Their bytes as AWS counts them.
    pub bytes: u64,
}

impl StreamStats {
    /// The statistics of one event.
    pub fn of(timestamp: i64, ingested_at: i64, message_bytes: usize) -> Self {
        StreamStats {
            first_event: Timestamp::from_millis(timestamp),
            last_event: Timestamp::from_millis(timestamp),
            last_ingestion: Timestamp::from_millis(ingested_at),
            events: 1,
            bytes: message_bytes as u64 + EVENT_OVERHEAD_BYTES,
        }
    }

    /// Counts `other` in.
    pub fn add(&mut self, other: StreamStats) {
        self.first_event = self.first_event.min(other.first_event);
        self.last_event = self.last_event.max(other.last_event);
        self.last_ingestion = self.last_ingestion.max(other.last_ingestion);
        self.events += other.events;
        self.bytes += other.bytes;
    }
}
