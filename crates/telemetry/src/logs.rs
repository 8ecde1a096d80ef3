//! The log store: append durably, read in order, follow, forget.
//!
//! Opened once a process. Appends go through the [committer](crate::committer), full tables
//! through the [flusher](crate::flush), reads through [`crate::query`].

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use model::Timestamp;
use model::logs::{LogGroupId, LogStreamId};
use parking_lot::Mutex;
use store::{Blobs, Schema, Store};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::catalog::SegmentRow;
use crate::committer::{Appended, Command};
use crate::error::{Error, Result};
use crate::event::{Batch, EVENT_OVERHEAD_BYTES, StreamStats};
use crate::options::Options;
use crate::query::{Page, Query, StreamFilter};
use crate::shared::Shared;
use crate::tail::Tail;
use crate::wal::Record;
use crate::{compact, flush, query, recover};

/// Commands that wait for the committer; their bytes are bounded apart.
const QUEUED_COMMANDS: usize = 4096;
/// The queue's memory is counted in pieces of this size.
const QUEUE_PIECE: usize = 1 << 10;

/// Adds the log store's table to `schema`.
pub fn tables(schema: Schema) -> Schema {
    schema.table::<SegmentRow>()
}

/// A log store. Dropping it stops its work; what was acknowledged is durable already.
pub struct Logs {
    shared: Arc<Shared>,
    queue: Arc<Semaphore>,
    commands: Mutex<Option<mpsc::Sender<Command>>>,
    committer: Mutex<Option<std::thread::JoinHandle<()>>>,
    tasks: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Logs {
    /// Opens the log store and replays what its log holds. Needs a Tokio runtime.
    pub async fn open(options: Options, store: Store, blobs: Blobs) -> Result<Logs> {
        let queue = Arc::new(Semaphore::new((options.queue_bytes / QUEUE_PIECE).max(1)));
        let (shared, committer) = recover::open(options, store, blobs).await?;
        let (sender, receiver) = mpsc::channel(QUEUED_COMMANDS);
        let directory = shared.options.directory.clone();
        let thread = std::thread::Builder::new()
            .name("log-committer".to_owned())
            .spawn(move || committer.run(receiver))
            .map_err(|e| Error::disk("start the writer of", directory, e))?;
        let flusher = tokio::spawn(flush::run(Arc::clone(&shared)));
        let joiner = tokio::spawn(compact::run(Arc::clone(&shared)));
        Ok(Logs {
            shared,
            queue,
            commands: Mutex::new(Some(sender)),
            committer: Mutex::new(Some(thread)),
            tasks: tokio::sync::Mutex::new(vec![flusher, joiner]),
        })
    }

    /// Stores a batch; an answer means that it survives a crash.
    pub async fn append(&self, batch: Batch) -> Result<Appended> {
        let overhead = batch.events.len() * EVENT_OVERHEAD_BYTES as usize;
        let bytes = overhead + batch.events.iter().map(|event| event.message.len()).sum::<usize>();
        let most = (self.shared.options.queue_bytes / QUEUE_PIECE).max(1);
        let pieces = (bytes / QUEUE_PIECE + 1).min(most) as u32;
        let permit = Arc::clone(&self.queue).acquire_many_owned(pieces);
        let permit = tokio::time::timeout(self.shared.options.queue_wait, permit).await;
        let permit = permit.map_err(|_| Error::Throttled)?.map_err(|_| Error::Closed)?;
        self.ask(|reply| Command::Append { batch, permit, reply }).await?
    }

    /// The first offset still wanted of a source; none when it is not known.
    pub fn source_offset(&self, id: &str) -> Option<u64> {
        self.shared.sources.lock().next(id)
    }

    /// Answers a query.
    pub async fn select(&self, query: &Query) -> Result<Page> {
        query::select(&self.shared, query).await
    }

    /// Listens to everything that comes in from now on.
    pub fn tail(&self) -> Tail {
        self.shared.crier.listen()
    }

    /// The number of the last event that came in, and every later one.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.shared.arrivals.subscribe()
    }

    /// The number of the last event that came in. A query sees every event up to it.
    pub fn newest(&self) -> u64 {
        *self.shared.arrivals.borrow()
    }

    /// The number of the last event that came into a group and is kept.
    pub fn newest_of(&self, group: LogGroupId) -> u64 {
        self.shared.catalog.read().newest(group)
    }

    /// What is known of the streams of a group that have events.
    pub async fn group_stats(&self, group: LogGroupId) -> Result<HashMap<LogStreamId, StreamStats>> {
        let view = self.shared.catalog.read().view(group);
        let mut all: HashMap<LogStreamId, StreamStats> = HashMap::new();
        let mut add = |stream, stats| {
            all.entry(stream).and_modify(|s: &mut StreamStats| s.add(stats)).or_insert(stats);
        };
        for table in &view.tables {
            table.stats(group, &mut add);
        }
        for row in view.segments.iter() {
            for series in &self.shared.index_of(row).await?.series {
                add(LogStreamId::from_bits(series.id), series.stats);
            }
        }
        Ok(all)
    }

    /// What is known of one stream; none when it has no event.
    pub async fn stream_stats(&self, group: LogGroupId, stream: LogStreamId) -> Result<Option<StreamStats>> {
        let view = self.shared.catalog.read().view(group);
        let mut found: Vec<StreamStats> =
            view.tables.iter().filter_map(|table| table.stream_stats(group, stream)).collect();
        for row in view.segments.iter() {
            let index = self.shared.index_of(row).await?;
            found.extend(index.series.iter().find(|s| s.id == stream.bits()).map(|s| s.stats));
        }
        Ok(found.into_iter().reduce(|mut all, one| {
            all.add(one);
            all
        }))
    }

    /// The compressed size of a group's segments. What is still in the log is not counted,
    /// as AWS's own figure lags behind.
    pub fn stored_bytes(&self, group: LogGroupId) -> u64 {
        self.shared.catalog.read().segments(group).iter().map(|row| row.stored_bytes).sum()
    }

    /// Every group that has events, also one whose deletion was interrupted.
    pub fn groups(&self) -> BTreeSet<LogGroupId> {
        self.shared.catalog.read().groups()
    }

    /// Forgets all events of a group.
    pub async fn drop_group(&self, group: LogGroupId) -> Result<()> {
        self.ask(|reply| Command::Drop { record: Record::DropGroup(group), reply }).await??;
        let rows = self.shared.catalog.write().drop_group(group);
        self.shared.unpoint(unshare(rows)).await
    }

    /// Forgets the events of a stream that are not in segments yet. Those in segments stay until a
    /// [purge](Self::purge), retention or their group's deletion; no query asks for them.
    pub async fn drop_stream(&self, group: LogGroupId, stream: LogStreamId) -> Result<()> {
        self.ask(|reply| Command::Drop { record: Record::DropStream(group, stream), reply }).await?
    }

    /// Frees the space of streams that are gone, where it is worth rewriting a segment; answers how
    /// many were rewritten. `lives` must know every stream that has ever been appended to and lives.
    pub async fn purge(&self, group: LogGroupId, lives: &StreamFilter) -> Result<usize> {
        compact::purge(&self.shared, group, lives).await
    }

    /// Removes the events of a group that are older than `cutoff`: segments with nothing else at once, those
    /// that are in part a day older by rewriting. Answers how many segments were removed or rewritten.
    pub async fn expire(&self, group: LogGroupId, cutoff: Timestamp) -> Result<usize> {
        let is_old = |first: i64| first < cutoff.as_millis();
        let waits = self.shared.catalog.read().tables().filter_map(|table| table.oldest(group)).any(is_old);
        if waits {
            // A quiet store would keep them in its log for ever.
            self.flush().await?;
        }
        Ok(self.expire_whole(group, cutoff).await? + compact::trim(&self.shared, group, cutoff).await?)
    }

    async fn expire_whole(&self, group: LogGroupId, cutoff: Timestamp) -> Result<usize> {
        let rows = self.shared.catalog.read().segments(group);
        let old: Vec<Arc<SegmentRow>> =
            rows.iter().filter(|row| row.last_timestamp < cutoff.as_millis()).cloned().collect();
        drop(rows);
        if old.is_empty() || !self.shared.catalog.write().replace(group, &old, None) {
            return Ok(0);
        }
        let count = old.len();
        self.shared.unpoint(old).await?;
        Ok(count)
    }

    /// Writes everything in memory out as segments.
    pub async fn flush(&self) -> Result<()> {
        self.thawed().await?;
        if self.ask(|reply| Command::Rotate { reply }).await? {
            self.thawed().await?;
        }
        Ok(())
    }

    /// Joins the segments that are due, as happens by itself after each table is written out.
    pub async fn compact(&self) -> Result<()> {
        compact::join_due(&self.shared).await
    }

    /// Stops taking appends, waits until those under way are durable, and ends all work.
    pub async fn close(&self) {
        self.commands.lock().take();
        let thread = self.committer.lock().take();
        if let Some(thread) = thread {
            // A panic of the committer has been reported by its thread already.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        self.shared.closing.send_replace(true);
        for task in self.tasks.lock().await.drain(..) {
            // Likewise.
            let _ = task.await;
        }
    }

    /// Waits until no table is on its way out.
    async fn thawed(&self) -> Result<()> {
        let mut written = self.shared.oldest_generation.subscribe();
        while !self.shared.is_written_out() {
            written.changed().await.map_err(|_| Error::Closed)?;
        }
        Ok(())
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T> {
        let sender = self.commands.lock().clone().ok_or(Error::Closed)?;
        let (reply, answer) = oneshot::channel();
        sender.send(command(reply)).await.map_err(|_| Error::Closed)?;
        drop(sender);
        answer.await.map_err(|_| Error::Closed)
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logs({})", self.shared.options.directory.display())
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.shared.closing.send_replace(true);
    }
}

/// The rows themselves, without the list that readers may share.
fn unshare(rows: crate::catalog::Segments) -> Vec<Arc<SegmentRow>> {
    Arc::try_unwrap(rows).unwrap_or_else(|shared| shared.to_vec())
}
