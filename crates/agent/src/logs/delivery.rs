//! One container's lines on their way from its spool to a driver's receiver.
//!
//! A shipper (`shipper.rs`) is told by the log store where to go on; a receiver knows nothing of that, so what was
//! delivered is noted beside the spool, and what was under way when an agent died is delivered again.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::backlog::Backlog;
use super::drivers::{Lost, Receiver, random_id};
use super::message::{Message, Splitter};
use super::progress::{Dropped, Shipped};
use super::spool::{self, Reader};

/// Messages that are given to a receiver at once.
const BATCH_MESSAGES: usize = 1000;
const BATCH_BYTES: usize = 1 << 20;
/// Between two looks at a spool that was written lately, and at most between two at a quiet one.
const BUSY_PAUSE: Duration = Duration::from_millis(50);
const QUIET_PAUSE: Duration = Duration::from_millis(1000);
/// How long what a container has left is offered to a receiver that does not take it. Docker waits ten seconds.
const LAST_PATIENCE: Duration = Duration::from_secs(60);
/// Between two notices that messages were lost.
const LOSS_NOTICE: Duration = Duration::from_secs(10);

/// Delivers one spool.
pub(super) struct Delivery {
    receiver: Box<dyn Receiver>,
    dir: PathBuf,
    wake: Arc<Notify>,
    reader: Reader,
    splitter: Splitter,
    backlog: Option<Backlog>,
    /// Tells the logger how far this is; absent only when the spool is.
    shipped: Option<Shipped>,
    lost: Losses,
    finished_at: Option<Instant>,
}

/// What is given to a receiver at once.
#[derive(Default)]
struct Batch {
    messages: Vec<Message>,
    records: u64,
    /// Where the spool goes on behind it; `None` while nothing was read.
    end: Option<u64>,
}

impl Delivery {
    pub(super) fn new(
        receiver: Box<dyn Receiver>,
        waiting_limit: Option<u64>,
        dir: PathBuf,
        wake: Arc<Notify>,
    ) -> Delivery {
        let position = Shipped::read(&dir);
        Delivery {
            receiver,
            reader: Reader::new(&dir, position),
            splitter: Splitter::default(),
            backlog: waiting_limit.map(|limit| Backlog::new(&dir, limit, position)),
            shipped: Shipped::open(&dir).ok(),
            lost: Losses { counted: Dropped::read(&dir).0, ..Losses::default() },
            dir,
            wake,
            finished_at: None,
        }
    }

    /// Delivers until the spool is finished and everything of it was taken or given up.
    pub(super) async fn run(mut self) {
        let mut pause = BUSY_PAUSE;
        loop {
            // Asked before reading: what was written before the end is read after the question.
            let finished = self.is_finished();
            let batch = match self.gather() {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(%error, dir = %self.dir.display(), "a spool of log lines cannot be read on");
                    return;
                }
            };
            self.lost.count(Dropped::read(&self.dir).0);
            match batch.end {
                Some(end) => {
                    if !self.deliver(&batch).await {
                        return;
                    }
                    self.set_position(end);
                    pause = BUSY_PAUSE;
                }
                None if finished => return,
                None => {
                    let woken = tokio::time::timeout(pause, self.wake.notified()).await.is_ok();
                    pause = if woken { BUSY_PAUSE } else { (pause * 2).min(QUIET_PAUSE) };
                }
            }
        }
    }

    fn gather(&mut self) -> io::Result<Batch> {
        let mut batch = Batch::default();
        let mut bytes = 0;
        while batch.messages.len() < BATCH_MESSAGES && bytes < BATCH_BYTES {
            let Some((record, end)) = self.reader.next_record()? else { break };
            batch.end = Some(end);
            if self.backlog.as_mut().is_some_and(|backlog| backlog.drops(end)) {
                self.lost.note(1, "the buffer of the driver was full");
                continue;
            }
            bytes += record.bytes.len();
            batch.records += 1;
            self.splitter.push(&record, random_id, &mut batch.messages);
        }
        Ok(batch)
    }

    /// Gives a batch to the receiver; false when it was given up because the container has long ended.
    async fn deliver(&mut self, batch: &Batch) -> bool {
        let mut tick = tokio::time::interval(QUIET_PAUSE);
        let Delivery { receiver, backlog, reader, lost, dir, finished_at, .. } = self;
        let mut taking = receiver.take(&batch.messages);
        let taken = loop {
            tokio::select! {
                biased;
                taken = &mut taking => break taken,
                _ = tick.tick() => {
                    if let Some(backlog) = backlog
                        && let Err(error) = backlog.look(reader.offset(), batch.records)
                    {
                        tracing::warn!(%error, dir = %dir.display(), "waiting log lines cannot be counted");
                    }
                    if finished_at.is_none() && spool::is_finished(dir) {
                        *finished_at = Some(Instant::now());
                    }
                    if finished_at.is_some_and(|at| at.elapsed() > LAST_PATIENCE) {
                        lost.note(batch.messages.len() as u64, "the container has ended");
                        return false;
                    }
                }
            }
        };
        drop(taking);
        if let Some(backlog) = backlog {
            backlog.taken(batch.records);
        }
        if let Err(Lost { messages, cause }) = taken {
            lost.note(messages as u64, &cause);
        }
        true
    }

    fn is_finished(&mut self) -> bool {
        let finished = spool::is_finished(&self.dir);
        // A container that was started again has not ended.
        self.finished_at = finished.then(|| self.finished_at.unwrap_or_else(Instant::now));
        finished
    }

    fn set_position(&mut self, position: u64) {
        let told = self.shipped.as_ref().map_or(Ok(()), |shipped| shipped.set(position));
        if let Err(error) = told.and_then(|()| spool::remove_before(&self.dir, position)) {
            tracing::warn!(%error, dir = %self.dir.display(), "delivered log lines cannot be removed");
        }
    }
}

/// What was lost, said now and then.
#[derive(Default)]
struct Losses {
    /// Lines for which the spool had no room, as last seen.
    counted: u64,
    messages: u64,
    said_at: Option<Instant>,
}

impl Losses {
    /// Lines for which the spool has had no room so far.
    fn count(&mut self, dropped: u64) {
        if dropped > self.counted {
            self.note(dropped - self.counted, "the buffer of the container was full");
            self.counted = dropped;
        }
    }

    fn note(&mut self, messages: u64, cause: &str) {
        self.messages += messages;
        if self.said_at.is_none_or(|at| at.elapsed() >= LOSS_NOTICE) {
            tracing::warn!(messages = self.messages, cause, "log lines of a container were lost");
            (self.messages, self.said_at) = (0, Some(Instant::now()));
        }
    }
}
