//! One container's lines on their way from its spool to the log store.
//!
//! The store says where to go on, so a shipper keeps no state of its own: what was acknowledged is
//! removed from the spool, and what was sent without an answer is sent again under the same offset.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use wire::link::{LogBatch, Uplink, UplinkError};

use super::batch::Batch;
use super::multiline::{Assembler, Event};
use super::options::Awslogs;
use super::progress::{Dropped, Shipped};
use super::spool::{self, Reader, WhenFull};

/// Between two looks at a spool that was written lately.
const BUSY_PAUSE: Duration = Duration::from_millis(200);
/// Between two looks at a quiet one, at most.
const QUIET_PAUSE: Duration = Duration::from_millis(1000);
/// The same for a spool that drops what it has no room for: it must not fill up between two looks.
const DROPPING_PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));
/// Lines that may belong together wait so long for more, as in Docker's driver.
const JOIN_PATIENCE: Duration = Duration::from_secs(5);
/// Between two notices that lines were dropped.
const DROP_NOTICE: Duration = Duration::from_secs(10);
/// The store has some of the batch under another division.
const ALREADY_ACCEPTED: &str = "DataAlreadyAcceptedException";
const RETRY_PAUSE: Duration = Duration::from_millis(200);
const RETRY_PAUSE_LIMIT: Duration = Duration::from_secs(30);

/// Where a spool's lines go.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) task_arn: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) source: String,
    pub(super) awslogs: Awslogs,
}

impl Destination {
    /// A batch without events: what [`Uplink::open_log_stream`] takes.
    pub(super) fn batch(&self) -> LogBatch {
        LogBatch {
            task_arn: self.task_arn.clone(),
            account: self.account.clone(),
            region: self.region.clone(),
            log_group: self.awslogs.group.clone(),
            log_stream: self.awslogs.stream.clone(),
            create_group: self.awslogs.create_group,
            source: self.source.clone(),
            offset: 0,
            next_offset: 0,
            events: Vec::new(),
        }
    }
}

/// Ships one spool.
pub(super) struct Shipper {
    uplink: Arc<dyn Uplink>,
    destination: Destination,
    dir: PathBuf,
    wake: Arc<Notify>,
    reader: Reader,
    assembler: Assembler,
    queue: VecDeque<Event>,
    /// Everything before this is in the store.
    position: u64,
    pending_since: Option<Instant>,
    /// Tells the logger how far this is; absent only when the spool is.
    shipped: Option<Shipped>,
    /// How many lines were last said to be dropped, and when.
    noticed: (u64, Option<Instant>),
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offered {
    /// It is in the store, or will never be.
    Done,
    /// A part of it is in the store already.
    Overlaps,
}

impl Shipper {
    pub(super) fn new(
        uplink: Arc<dyn Uplink>,
        destination: Destination,
        dir: PathBuf,
        wake: Arc<Notify>,
    ) -> Shipper {
        Shipper {
            uplink,
            assembler: Assembler::new(destination.awslogs.starts.clone()),
            destination,
            reader: Reader::new(&dir, 0),
            shipped: Shipped::open(&dir).ok(),
            dir,
            wake,
            queue: VecDeque::new(),
            position: 0,
            pending_since: None,
            noticed: (0, None),
        }
    }

    /// Ships until the spool is finished and everything of it is in the store.
    pub(super) async fn run(mut self) {
        self.find_position().await;
        let (busy, quiet) = match self.destination.awslogs.buffer.when_full {
            WhenFull::DropNew => DROPPING_PAUSES,
            WhenFull::Block | WhenFull::DropOld => (BUSY_PAUSE, QUIET_PAUSE),
        };
        let mut pause = busy;
        loop {
            self.notice_drops();
            // Asked before reading: what was written before the end is read after the question.
            let finished = spool::is_finished(&self.dir);
            let batch = match self.gather(finished) {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(%error, dir = %self.dir.display(), "a spool of log lines cannot be read on");
                    return;
                }
            };
            match batch.end {
                Some(end) => {
                    self.send(batch, end).await;
                    pause = busy;
                }
                None if finished => return,
                None => {
                    let woken = tokio::time::timeout(pause, self.wake.notified()).await.is_ok();
                    pause = if woken { busy } else { (pause * 2).min(quiet) };
                }
            }
        }
    }

    /// Asks the store where to go on.
    async fn find_position(&mut self) {
        let mut pause = RETRY_PAUSE;
        loop {
            match self.uplink.open_log_stream(self.destination.batch()).await {
                Ok(position) => {
                    self.go_on_at(position);
                    return;
                }
                // A group that is gone: lines are offered to it, and dropped there.
                Err(error) if !error.retryable => {
                    self.report(&error);
                    return;
                }
                Err(_) => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(RETRY_PAUSE_LIMIT);
        }
    }

    fn go_on_at(&mut self, position: u64) {
        self.reader = Reader::new(&self.dir, position);
        self.assembler = Assembler::new(self.destination.awslogs.starts.clone());
        self.queue.clear();
        self.pending_since = None;
        self.set_position(position);
    }

    fn set_position(&mut self, position: u64) {
        self.position = position;
        let told = self.shipped.as_ref().map_or(Ok(()), |shipped| shipped.set(position));
        if let Err(error) = told.and_then(|()| spool::remove_before(&self.dir, position)) {
            tracing::warn!(%error, dir = %self.dir.display(), "shipped log lines cannot be removed");
        }
    }

    /// Reads on, as much as fits into one batch.
    fn gather(&mut self, finished: bool) -> io::Result<Batch> {
        let mut batch = Batch::default();
        while !batch.fill(&mut self.queue) {
            let Some((record, end)) = self.reader.next_record()? else { break };
            let completed = self.assembler.push(&record, end);
            if completed.is_some() || self.pending_since.is_none() {
                self.pending_since = self.assembler.has_pending().then(Instant::now);
            }
            self.queue.extend(completed);
        }
        let waited = self.pending_since.is_some_and(|since| since.elapsed() >= JOIN_PATIENCE);
        if batch.end.is_none() && (finished || waited) {
            self.queue.extend(self.assembler.flush());
            self.pending_since = None;
            batch.fill(&mut self.queue);
        }
        Ok(batch)
    }

    async fn send(&mut self, batch: Batch, end: u64) {
        if !batch.events.is_empty() {
            let sent = LogBatch {
                offset: self.position,
                next_offset: end,
                events: batch.into_events(),
                ..self.destination.batch()
            };
            if self.offer(sent).await == Offered::Overlaps {
                // An earlier agent's batch came after we had asked: the store says where to go on.
                return self.find_position().await;
            }
        }
        self.set_position(end);
    }

    /// Offers a batch until the store has it, or will never take it.
    async fn offer(&self, batch: LogBatch) -> Offered {
        let mut pause = RETRY_PAUSE;
        let mut reopened = false;
        loop {
            match self.uplink.put_log_events(batch.clone()).await {
                Ok(()) => return Offered::Done,
                Err(error) if error.retryable => {
                    tracing::debug!(%error, source = batch.source, "log lines wait");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_PAUSE_LIMIT);
                }
                Err(error) if error.code == ALREADY_ACCEPTED => return Offered::Overlaps,
                // Somebody removed the stream: it is made again, once.
                Err(_) if !reopened => {
                    reopened = true;
                    if let Err(error) = self.uplink.open_log_stream(self.destination.batch()).await {
                        self.report(&error);
                    }
                }
                // As Docker's driver: lines for a group that is gone are dropped.
                Err(error) => {
                    self.report(&error);
                    return Offered::Done;
                }
            }
        }
    }

    /// Says that the buffer was full, now and then.
    fn notice_drops(&mut self) {
        let (known, at) = self.noticed;
        if self.destination.awslogs.buffer.when_full != WhenFull::DropNew
            || at.is_some_and(|at| at.elapsed() < DROP_NOTICE)
        {
            return;
        }
        let (lines, bytes) = Dropped::read(&self.dir);
        if lines > known {
            let (group, stream) = (&self.destination.awslogs.group, &self.destination.awslogs.stream);
            tracing::warn!(
                lines,
                bytes,
                group,
                stream,
                "a container's log buffer was full: lines were dropped"
            );
            self.noticed = (lines, Some(Instant::now()));
        }
    }

    fn report(&self, error: &UplinkError) {
        let (group, stream) = (&self.destination.awslogs.group, &self.destination.awslogs.stream);
        tracing::warn!(%error, group, stream, "the log store does not take a container's lines");
    }
}
