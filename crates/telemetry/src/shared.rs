//! What the committer, the flusher and the readers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use store::{Row, Store, Txn};
use tokio::sync::{Notify, watch};

use crate::blob::SegmentBlobs;
use crate::cache::IndexCache;
use crate::catalog::{Catalog, SegmentRow};
use crate::error::{Error, Result};
use crate::options::Options;
use crate::segment::Index;
use crate::sources::Sources;
use crate::tail::Crier;

/// Pointer records committed at once; a commit takes at most 100 operations.
pub(crate) const POINTERS_AT_ONCE: usize = 50;

/// The state behind a [`crate::Logs`]. No lock is held across an await.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) store: Store,
    pub(crate) blobs: SegmentBlobs,
    pub(crate) catalog: RwLock<Catalog>,
    pub(crate) sources: Mutex<Sources>,
    pub(crate) indexes: IndexCache,
    pub(crate) crier: Crier,
    /// The last arrival that every reader sees.
    pub(crate) arrivals: watch::Sender<u64>,
    /// Told when a table is frozen.
    pub(crate) frozen: Notify,
    /// Held while segments are joined.
    pub(crate) joining: tokio::sync::Mutex<()>,
    /// Becomes true when the store closes.
    pub(crate) closing: watch::Sender<bool>,
    /// Generations of the write-ahead log before this one no longer exist: segments hold them.
    pub(crate) oldest_generation: watch::Sender<u64>,
    /// Segments that nothing points to any more, but that readers may still look at.
    pub(crate) retired: Mutex<Vec<Arc<SegmentRow>>>,
    /// The next segment's number.
    pub(crate) next_segment: AtomicU64,
}

impl Shared {
    /// Whether so much waits to be written out that nothing more fits.
    pub(crate) fn is_full(&self) -> bool {
        self.catalog.read().active.bytes() >= self.options.memtable_bytes * 2
    }

    /// The index of a segment, out of the cache or its blob.
    pub(crate) async fn index_of(&self, row: &SegmentRow) -> Result<Arc<Index>> {
        let blob = row.blob();
        if let Some(index) = self.indexes.get(&blob) {
            return Ok(index);
        }
        let stored = self.blobs.get_range(&blob, row.index_place()).await?;
        let index = Arc::new(Index::decode(&stored).map_err(|e| Error::damaged(&blob, e))?);
        self.indexes.put(blob, Arc::clone(&index));
        Ok(index)
    }

    /// Deletes the pointers of `rows`, which the catalog has given up.
    pub(crate) async fn unpoint(&self, rows: Vec<Arc<SegmentRow>>) -> Result<()> {
        for some in rows.chunks(POINTERS_AT_ONCE) {
            let txn = some.iter().fold(Txn::new(), |txn, row| txn.delete::<SegmentRow>(&row.key()));
            self.store.commit(txn).await.map_err(|e| Error::store("deleting segment pointers", e))?;
        }
        self.retire(rows);
        self.delete_retired().await
    }

    /// Leaves the blobs of `rows` to be deleted once no reader looks at them.
    pub(crate) fn retire(&self, rows: Vec<Arc<SegmentRow>>) {
        self.retired.lock().extend(rows);
    }

    /// Deletes the retired blobs that nobody looks at. One that a crash leaves behind is swept
    /// at the next start.
    pub(crate) async fn delete_retired(&self) -> Result<()> {
        let mut idle = Vec::new();
        self.retired.lock().retain(|row| {
            // Readers hold the row; the list here is the only other holder.
            let is_idle = Arc::strong_count(row) == 1;
            if is_idle {
                idle.push(row.blob());
            }
            !is_idle
        });
        for blob in idle {
            self.indexes.remove(&blob);
            self.blobs.delete(&blob).await?;
        }
        Ok(())
    }

    /// Whether everything but the active table is in segments.
    pub(crate) fn is_written_out(&self) -> bool {
        let catalog = self.catalog.read();
        catalog.frozen.is_none() && *self.oldest_generation.borrow() >= catalog.active.first_generation()
    }

    pub(crate) fn take_segment_number(&self) -> u64 {
        self.next_segment.fetch_add(1, Ordering::Relaxed)
    }
}
