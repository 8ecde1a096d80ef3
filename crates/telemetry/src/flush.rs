//! Writes frozen tables out as segments: blob, then pointer record, then the log is cut.
//!
//! A crash between any two steps repeats the work for groups without a pointer only: a pointer
//! names the generations that it covers, and replay skips those for its group.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use model::logs::LogGroupId;
use store::Txn;

use crate::catalog::SegmentRow;
use crate::error::{Error, Result};
use crate::memtable::Memtable;
use crate::segment::SegmentWriter;
use crate::shared::{POINTERS_AT_ONCE, Shared};
use crate::wal;

/// The waits between attempts when a store fails: doubled from the first to the last.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(10);

/// Writes out every table that is frozen, until the store closes. It ends between two tables or
/// attempts, so that nothing of it goes on behind a store that is opened again.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut closing = shared.closing.subscribe();
    loop {
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            () = shared.frozen.notified() => {}
        }
        let mut wait = RETRY_FIRST;
        while let Err(error) = thaw(&shared).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "writing segments failed; trying again");
            tokio::select! {
                biased;
                _ = closing.wait_for(|closing| *closing) => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(RETRY_LAST);
        }
    }
}

/// Writes the frozen table out, if there is one.
async fn thaw(shared: &Shared) -> Result<()> {
    let frozen = {
        let catalog = shared.catalog.read();
        catalog.frozen.as_ref().map(|frozen| (Arc::clone(&frozen.table), frozen.last_generation))
    };
    let Some((table, last_generation)) = frozen else {
        // An earlier attempt got as far as cutting the log.
        let first_live = shared.catalog.read().active.first_generation();
        return cut_log(shared, first_live.saturating_sub(1)).await;
    };
    let generations = (table.first_generation(), last_generation);
    let mut rows = Vec::new();
    for group in table.groups() {
        if let Some(row) = pointed_already(shared, group, generations) {
            rows.push(row);
            continue;
        }
        rows.extend(write_group(shared, &table, group, generations).await?);
    }
    for some in rows.chunks(POINTERS_AT_ONCE) {
        let txn = some.iter().fold(Txn::new(), |txn, row| txn.put(row));
        shared.store.commit(txn).await.map_err(|e| Error::store("committing segment pointers", e))?;
    }
    let unwanted = shared.catalog.write().thaw(rows);
    shared.unpoint(unwanted.into_iter().map(Arc::new).collect()).await?;
    cut_log(shared, last_generation).await
}

/// The pointer that an earlier attempt committed for the same events.
fn pointed_already(shared: &Shared, group: LogGroupId, generations: (u64, u64)) -> Option<SegmentRow> {
    let rows = shared.store.snapshot();
    let prefix = store::key![group.to_string(), shared.options.owner];
    rows.all::<SegmentRow>(&prefix).find(|row| row.generations == generations).map(|row| (*row.row).clone())
}

async fn write_group(
    shared: &Shared,
    table: &Arc<Memtable>,
    group: LogGroupId,
    generations: (u64, u64),
) -> Result<Option<SegmentRow>> {
    let table = Arc::clone(table);
    let built = blocking(move || {
        let mut writer = SegmentWriter::new()?;
        let mut from = Bound::Unbounded;
        loop {
            let chunk = table.chunk(group, (from, Bound::Unbounded), true, None);
            let Some(last) = chunk.last().map(|entry| entry.key) else { break };
            for entry in &chunk {
                let ingested = entry.ingested_at.as_millis();
                writer.push(entry.key, entry.stream.bits(), ingested, entry.message.as_bytes())?;
            }
            from = Bound::Excluded(last);
        }
        Ok(writer)
    })
    .await?;
    store_segment(shared, built, group, generations).await
}

/// Closes a segment, stores its blob and describes it; nothing is written for an empty one.
pub(crate) async fn store_segment(
    shared: &Shared,
    writer: SegmentWriter,
    group: LogGroupId,
    generations: (u64, u64),
) -> Result<Option<SegmentRow>> {
    if writer.is_empty() {
        return Ok(None);
    }
    let built = blocking(move || writer.finish()).await?;
    let (Some(first), Some(last)) = (built.index.blocks.first(), built.index.blocks.last()) else {
        return Ok(None);
    };
    let row = SegmentRow {
        group,
        owner: shared.options.owner.clone(),
        number: shared.take_segment_number(),
        generations,
        first_timestamp: first.first.timestamp,
        first_seq: first.first.seq,
        last_timestamp: last.last.timestamp,
        last_seq: last.last.seq,
        greatest_seq: built.last_seq,
        events: built.index.blocks.iter().map(|block| block.events).sum(),
        raw_bytes: built.raw_bytes,
        stored_bytes: built.blob.len() as u64,
        index_at: built.index_place.at,
        index_len: built.index_place.len,
    };
    shared.blobs.put(&row.blob(), built.blob).await?;
    Ok(Some(row))
}

/// Removes the log files that segments have replaced.
async fn cut_log(shared: &Shared, last_generation: u64) -> Result<()> {
    let directory = shared.options.directory.clone();
    let removed = tokio::task::spawn_blocking(move || wal::remove_through(&directory, last_generation)).await;
    removed.map_err(|_| Error::Closed)??;
    shared.oldest_generation.send_replace(last_generation + 1);
    Ok(())
}

/// Runs what compresses on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| Error::Closed)?;
    done.map_err(|e| Error::disk("pack", "a segment", e))
}
