//! A log store on a directory of its own, over a state store in memory.

use std::sync::Arc;

use model::Timestamp;
use model::logs::{LogGroupId, LogStreamId};
use store::{Blobs, Schema, Store, key};
use telemetry::{Batch, Direction, Event, Logs, Options, Query, SegmentRow, Source};

/// What survives the log store.
pub struct World {
    pub directory: tempfile::TempDir,
    pub store: Store,
    pub blobs: Blobs,
}

impl World {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::memory(telemetry::tables(Schema::new())).await.unwrap();
        let blobs = Blobs::open(&directory.path().join("blobs")).await.unwrap();
        World { directory, store, blobs }
    }

    pub async fn open(&self) -> Logs {
        self.open_with(|_| {}).await
    }

    pub async fn open_with(&self, change: impl FnOnce(&mut Options)) -> Logs {
        let mut options = Options::new(self.directory.path().join("wal"));
        change(&mut options);
        Logs::open(options, self.store.clone(), self.blobs.clone()).await.unwrap()
    }

    pub async fn append(&self, logs: &Logs, to: u128, events: &[Event]) {
        logs.append(batch(to, None, events)).await.unwrap();
    }

    pub fn segment_count(&self) -> usize {
        self.store.count::<SegmentRow>(&key![])
    }

    pub async fn blob_count(&self) -> usize {
        self.blobs.list("logs", None, 1000).await.unwrap().len()
    }
}

pub fn group() -> LogGroupId {
    LogGroupId::from_bits(7)
}

pub fn stream(n: u128) -> LogStreamId {
    LogStreamId::from_bits(n)
}

pub fn event(at: i64, message: &str) -> Event {
    Event { timestamp: Timestamp::from_millis(at), message: message.to_owned() }
}

pub fn batch(to: u128, source: Option<Source>, events: &[Event]) -> Batch {
    Batch {
        group: group(),
        stream: stream(to),
        ingested_at: Timestamp::from_millis(1_000),
        source,
        events: events.to_vec(),
    }
}

pub fn source(to: u128, id: &str, offset: u64, next: u64, events: &[Event]) -> Batch {
    batch(to, Some(Source { id: id.to_owned(), offset, next }), events)
}

/// Everything, oldest first.
pub fn query() -> Query {
    Query {
        group: group(),
        streams: Arc::new(|_| true),
        start: None,
        end: None,
        direction: Direction::Ascending,
        after: None,
        arrived: None,
        predicate: None,
        limit: 100_000,
        max_bytes: u64::MAX,
    }
}

pub async fn messages(logs: &Logs, query: Query) -> Vec<String> {
    logs.select(&query).await.unwrap().entries.into_iter().map(|e| e.message.to_string()).collect()
}
