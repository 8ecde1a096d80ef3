//! Opening a log store: pointer records, then the write-ahead log, then the sweep of orphans.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::{Mutex, RwLock};
use store::{Blobs, Store, key};
use tokio::sync::{Notify, watch};

use crate::blob::SegmentBlobs;
use crate::cache::IndexCache;
use crate::catalog::{Catalog, SegmentRow, blob_prefix};
use crate::committer::Committer;
use crate::error::{Error, Result};
use crate::memtable::Memtable;
use crate::options::Options;
use crate::shared::Shared;
use crate::sources::Sources;
use crate::tail::Crier;
use crate::wal::{Checkpoint, Record, Wal};

/// Rebuilds the state of a log store and the committer that continues its log.
pub(crate) async fn open(options: Options, store: Store, blobs: Blobs) -> Result<(Arc<Shared>, Committer)> {
    let snapshot = store.snapshot();
    let rows: Vec<Arc<SegmentRow>> = snapshot.all::<SegmentRow>(&key![]).map(|row| row.row).collect();
    let own: Vec<Arc<SegmentRow>> = rows.iter().filter(|row| row.owner == options.owner).cloned().collect();
    let blobs = SegmentBlobs::new(blobs);
    let next_segment = sweep_orphans(&blobs, &options.owner, &own).await?;

    let directory = options.directory.clone();
    let replayed = tokio::task::spawn_blocking(move || replay(&directory, &own)).await;
    let replayed = replayed.map_err(|_| Error::Closed)??;

    let shared = Arc::new(Shared {
        store,
        blobs,
        oldest_generation: watch::Sender::new(replayed.table.first_generation()),
        catalog: RwLock::new(Catalog::new(Arc::new(replayed.table), rows)),
        sources: Mutex::new(replayed.sources),
        indexes: IndexCache::new(options.index_cache_bytes),
        crier: Crier::new(),
        arrivals: watch::Sender::new(replayed.next_seq.saturating_sub(1)),
        frozen: Notify::new(),
        joining: tokio::sync::Mutex::default(),
        closing: watch::Sender::new(false),
        retired: Mutex::default(),
        next_segment: AtomicU64::new(next_segment),
        options,
    });
    let committer = Committer {
        wal: replayed.wal,
        shared: Arc::clone(&shared),
        next_seq: replayed.next_seq,
        now: replayed.now,
        failed: false,
    };
    Ok((shared, committer))
}

/// Deletes this store's blobs that no pointer names: their commit never happened, or their
/// deletion was interrupted. Answers the first number that is free.
async fn sweep_orphans(blobs: &SegmentBlobs, owner: &str, own: &[Arc<SegmentRow>]) -> Result<u64> {
    let named: HashSet<String> = own.iter().map(|row| row.blob()).collect();
    let mut next = own.iter().map(|row| row.number + 1).max().unwrap_or(0);
    let prefix = blob_prefix(owner);
    for blob in blobs.list(prefix.trim_end_matches('/')).await? {
        let number = blob.strip_prefix(&prefix).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        next = next.max(number.map_or(0, |number| number + 1));
        if !named.contains(&blob) {
            blobs.delete(&blob).await?;
        }
    }
    Ok(next)
}

/// What the write-ahead log gave back.
struct Replayed {
    wal: Wal,
    table: Memtable,
    sources: Sources,
    next_seq: u64,
    now: i64,
}

fn replay(directory: &std::path::Path, own: &[Arc<SegmentRow>]) -> Result<Replayed> {
    let mut sources = Sources::default();
    // Numbers begin at one, so that zero is before every event.
    let mut next_seq = own.iter().map(|row| row.greatest_seq + 1).max().unwrap_or(1);
    let mut now = 0;
    let mut table: Option<Memtable> = None;
    let wal = Wal::open(directory, |generation, record| {
        let table = table.get_or_insert_with(|| Memtable::new(generation));
        match record {
            Record::Checkpoint(checkpoint) => {
                next_seq = next_seq.max(checkpoint.next_seq);
                sources.restore(checkpoint.sources);
            }
            Record::Append { first_seq, batch } => {
                next_seq = next_seq.max(first_seq + batch.events.len() as u64);
                now = now.max(batch.ingested_at.as_millis());
                if let Some(source) = &batch.source {
                    sources.advance(source, batch.ingested_at.as_millis());
                }
                let written = |row: &&Arc<SegmentRow>| {
                    row.group == batch.group && (row.generations.0..=row.generations.1).contains(&generation)
                };
                if !own.iter().any(|row| written(&row)) {
                    table.insert([(first_seq, batch)]);
                }
            }
            Record::DropGroup(_) | Record::DropStream(..) => table.forget(&record),
        }
        Ok(())
    })?;
    let wal = match wal {
        Some(wal) => wal,
        // A number that no pointer covers: else replay would skip what the new file holds.
        None => {
            let generation = own.iter().map(|row| row.generations.1 + 1).max().unwrap_or(1);
            Wal::create(
                directory,
                generation,
                &Record::Checkpoint(Checkpoint { next_seq, sources: Vec::new() }),
            )?
        }
    };
    let table = table.unwrap_or_else(|| Memtable::new(wal.generation()));
    Ok(Replayed { wal, table, sources, next_seq, now })
}
