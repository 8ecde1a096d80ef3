//! The limits of a log store.

use std::path::PathBuf;
use std::time::Duration;

/// How a log store behaves. Memory in use is at most about four times `memtable_bytes`, plus the
/// queue and the cache.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory of the write-ahead log.
    pub directory: PathBuf,
    /// Names this store among others that share the blobs: letters, digits and hyphens.
    pub owner: String,
    /// A table of this size is written out.
    pub memtable_bytes: usize,
    /// A log file of this size is written out, however small its table.
    pub wal_bytes: u64,
    /// The memory of batches that wait for the disk.
    pub queue_bytes: usize,
    /// How long an append waits for its place in the queue before it is throttled.
    pub queue_wait: Duration,
    /// The memory of segment indexes kept for the next query.
    pub index_cache_bytes: usize,
    /// How much a single query unpacks before it answers with what it has.
    pub scan_bytes: u64,
    /// Segments are joined until they hold this much text. A join holds the compressed result in memory.
    pub segment_bytes: u64,
    /// How many segments of a like size are joined.
    pub fan_in: usize,
}

impl Options {
    /// The usual limits, with the write-ahead log in `directory`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Options {
            directory: directory.into(),
            owner: "local".to_owned(),
            memtable_bytes: 8 << 20,
            wal_bytes: 64 << 20,
            queue_bytes: 16 << 20,
            queue_wait: Duration::from_secs(5),
            index_cache_bytes: 16 << 20,
            scan_bytes: 512 << 20,
            segment_bytes: 32 << 20,
            fan_in: 8,
        }
    }
}
