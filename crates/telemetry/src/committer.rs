//! The only writer: makes many batches durable with one sync, then visible, then acknowledged.
//!
//! It has a thread of its own because it waits for the disk. Order is: write-ahead log, table,
//! sources, listeners, answer. After a failed sync nothing more is taken: what reached the disk
//! is unknown until the log is replayed. A disk without room only refuses the batches at hand.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::error::{Error, Result};
use crate::event::{Batch, Entry, Key};
use crate::shared::Shared;
use crate::sources::Verdict;
use crate::tail::Fresh;
use crate::wal::{AppendError, Checkpoint, Record, Wal, encode_append, put_frame};

/// At most this many bytes of batches share one sync.
const GROUP_BYTES: usize = 8 << 20;
/// At most this many commands share one sync.
const GROUP_COMMANDS: usize = 1024;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is durable; its events have the sequence numbers from this one on.
    Stored {
        /// The sequence number of the first event.
        first_seq: u64,
    },
    /// It was durable already.
    Duplicate,
}

/// What the committer is asked.
pub(crate) enum Command {
    /// Store a batch. The permit holds its share of the queue's memory.
    Append { batch: Batch, permit: OwnedSemaphorePermit, reply: oneshot::Sender<Result<Appended>> },
    /// Record that a group or stream is gone.
    Drop { record: Record, reply: oneshot::Sender<Result<()>> },
    /// Start writing the active table out; answers whether that was possible and needed.
    Rotate { reply: oneshot::Sender<bool> },
}

/// The committer's own state.
pub(crate) struct Committer {
    pub(crate) wal: Wal,
    pub(crate) shared: Arc<Shared>,
    pub(crate) next_seq: u64,
    /// The latest ingestion time seen: the only clock the committer has.
    pub(crate) now: i64,
    pub(crate) failed: bool,
}

/// What waits for the sync.
#[derive(Default)]
struct Group {
    frames: Vec<u8>,
    batches: Vec<(u64, Batch)>,
    drops: Vec<Record>,
    /// How far sources will be stored once the group is.
    ahead: HashMap<String, u64>,
    appended: Vec<(oneshot::Sender<Result<Appended>>, Appended)>,
    dropped: Vec<oneshot::Sender<Result<()>>>,
    permits: Vec<OwnedSemaphorePermit>,
}

impl Committer {
    /// Runs until every sender is gone.
    pub(crate) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(first) = commands.blocking_recv() {
            let mut group = Group::default();
            let mut rotations = Vec::new();
            let mut next = Some(first);
            let mut taken = 0;
            while let Some(command) = next.take() {
                match command {
                    Command::Append { batch, permit, reply } => {
                        self.prepare(&mut group, batch, permit, reply)
                    }
                    Command::Drop { record, reply } => {
                        put_frame(&mut group.frames, &record.encode());
                        group.drops.push(record);
                        group.dropped.push(reply);
                        // A later append may name the same group: keep the order by ending here.
                        break;
                    }
                    Command::Rotate { reply } => rotations.push(reply),
                }
                taken += 1;
                if taken < GROUP_COMMANDS && group.frames.len() < GROUP_BYTES {
                    next = commands.try_recv().ok();
                }
            }
            self.commit(group);
            let due = self.is_rotation_due();
            let rotated = (due || !rotations.is_empty()) && self.rotate();
            for reply in rotations {
                let _ = reply.send(rotated);
            }
        }
    }

    fn prepare(
        &mut self,
        group: &mut Group,
        batch: Batch,
        permit: OwnedSemaphorePermit,
        reply: oneshot::Sender<Result<Appended>>,
    ) {
        if self.failed {
            let _ = reply.send(Err(Error::Closed));
            return;
        }
        if let Some(source) = &batch.source {
            let have =
                group.ahead.get(&source.id).copied().or_else(|| self.shared.sources.lock().next(&source.id));
            match Verdict::of(source, have) {
                Verdict::New => {}
                // The first copy may be in this very group: answer after the sync.
                Verdict::Duplicate => {
                    group.appended.push((reply, Appended::Duplicate));
                    return;
                }
                Verdict::Overlap { have } => {
                    let _ = reply.send(Err(Error::Overlap { have }));
                    return;
                }
            }
        }
        if self.shared.is_full() {
            let _ = reply.send(Err(Error::Throttled));
            return;
        }
        if let Some(source) = &batch.source {
            group.ahead.insert(source.id.clone(), source.next);
        }
        let first_seq = self.next_seq;
        self.next_seq += batch.events.len() as u64;
        self.now = self.now.max(batch.ingested_at.as_millis());
        put_frame(&mut group.frames, &encode_append(first_seq, &batch));
        group.batches.push((first_seq, batch));
        group.appended.push((reply, Appended::Stored { first_seq }));
        group.permits.push(permit);
    }

    fn commit(&mut self, group: Group) {
        if let Err(error) = self.sync(&group.frames) {
            for (reply, _) in group.appended {
                let _ = reply.send(Err(error.clone()));
            }
            for reply in group.dropped {
                let _ = reply.send(Err(error.clone()));
            }
            return;
        }
        self.publish(group.batches, &group.drops);
        for (reply, appended) in group.appended {
            let _ = reply.send(Ok(appended));
        }
        for reply in group.dropped {
            let _ = reply.send(Ok(()));
        }
    }

    fn sync(&mut self, frames: &[u8]) -> Result<()> {
        if self.failed {
            return Err(Error::Closed);
        }
        if frames.is_empty() {
            return Ok(());
        }
        self.wal.append(frames).map_err(|error| match error {
            AppendError::Undone(error) => error,
            AppendError::Unknown(error) => {
                self.failed = true;
                tracing::error!(error = &error as &dyn std::error::Error, "the log store takes nothing more");
                error
            }
        })
    }

    /// Shows what is durable: to readers, to later batches of the same source, to listeners.
    fn publish(&self, batches: Vec<(u64, Batch)>, drops: &[Record]) {
        let mut sources = self.shared.sources.lock();
        for (_, batch) in &batches {
            if let Some(source) = &batch.source {
                sources.advance(source, batch.ingested_at.as_millis());
            }
        }
        drop(sources);
        let fresh: Vec<Fresh> =
            if self.shared.crier.is_heard() { batches.iter().map(fresh).collect() } else { Vec::new() };
        let catalog = self.shared.catalog.read();
        catalog.active.insert(batches);
        for record in drops {
            for table in catalog.tables() {
                table.forget(record);
            }
        }
        drop(catalog);
        self.shared.arrivals.send_replace(self.next_seq - 1);
        fresh.into_iter().for_each(|fresh| self.shared.crier.cry(fresh));
    }

    fn is_rotation_due(&self) -> bool {
        let options = &self.shared.options;
        self.wal.len() >= options.wal_bytes
            || self.shared.catalog.read().active.bytes() >= options.memtable_bytes
    }

    /// Starts a new file and table, if the last ones are written out already. A failure is not
    /// fatal: the present file goes on, until the table is full.
    fn rotate(&mut self) -> bool {
        let ready = {
            let catalog = self.shared.catalog.read();
            catalog.frozen.is_none() && !catalog.active.is_empty()
        };
        if self.failed || !ready {
            return false;
        }
        let sources = self.shared.sources.lock().checkpoint(self.now);
        let first = Record::Checkpoint(Checkpoint { next_seq: self.next_seq, sources });
        let last_generation = self.wal.generation();
        if let Err(error) = self.wal.rotate(&first) {
            tracing::error!(error = &error as &dyn std::error::Error, "starting a new log file failed");
            return false;
        }
        self.shared.catalog.write().freeze(last_generation);
        self.shared.frozen.notify_one();
        true
    }
}

fn fresh((first_seq, batch): &(u64, Batch)) -> Fresh {
    let entry = |(event, seq): (&crate::event::Event, u64)| Entry {
        key: Key { timestamp: event.timestamp.as_millis(), seq },
        stream: batch.stream,
        ingested_at: batch.ingested_at,
        message: event.message.as_str().into(),
    };
    Fresh { group: batch.group, entries: batch.events.iter().zip(*first_seq..).map(entry).collect() }
}
