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
use super::spool::{self, Reader};

/// Between two looks at a spool that was written lately.
const BUSY_PAUSE: Duration = Duration::from_millis(200);
/// Between two looks at a quiet one, at most.
const QUIET_PAUSE: Duration = Duration::from_millis(1000);
/// Lines that may belong together wait so long for more.
const JOIN_PATIENCE: Duration = Duration::from_secs(2);
const RETRY_PAUSE: Duration = Duration::from_millis(200);
const RETRY_PAUSE_LIMIT: Duration = Duration::from_secs(30);

/// Where a spool's lines go.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) source: String,
    pub(super) awslogs: Awslogs,
}

impl Destination {
    /// A batch without events: what [`Uplink::open_log_stream`] takes.
    pub(super) fn batch(&self) -> LogBatch {
        LogBatch {
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
            dir,
            wake,
            queue: VecDeque::new(),
            position: 0,
            pending_since: None,
        }
    }

    /// Ships until the spool is finished and everything of it is in the store.
    pub(super) async fn run(mut self) {
        self.find_position().await;
        let mut pause = BUSY_PAUSE;
        loop {
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

    /// Asks the store where to go on.
    async fn find_position(&mut self) {
        let mut pause = RETRY_PAUSE;
        loop {
            match self.uplink.open_log_stream(self.destination.batch()).await {
                Ok(position) => {
                    self.position = position;
                    self.reader = Reader::new(&self.dir, position);
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

    /// Reads on, as much as fits into one batch.
    fn gather(&mut self, finished: bool) -> io::Result<Batch> {
        let mut batch = Batch::default();
        while !batch.fill(&mut self.queue) {
            let Some((record, end)) = self.reader.next_record()? else { break };
            self.queue.extend(self.assembler.push(&record, end));
            if self.assembler.has_pending() {
                self.pending_since = Some(Instant::now());
            }
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
                events: batch.events,
                ..self.destination.batch()
            };
            self.offer(sent).await;
        }
        self.position = end;
        if let Err(error) = spool::remove_before(&self.dir, end) {
            tracing::warn!(%error, dir = %self.dir.display(), "shipped log lines cannot be removed");
        }
    }

    /// Offers a batch until the store has it, or will never take it.
    async fn offer(&self, batch: LogBatch) {
        let mut pause = RETRY_PAUSE;
        let mut reopened = false;
        loop {
            match self.uplink.put_log_events(batch.clone()).await {
                Ok(()) => return,
                Err(error) if error.retryable => {
                    tracing::debug!(%error, source = batch.source, "log lines wait");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_PAUSE_LIMIT);
                }
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
                    return;
                }
            }
        }
    }

    fn report(&self, error: &UplinkError) {
        let (group, stream) = (&self.destination.awslogs.group, &self.destination.awslogs.stream);
        tracing::warn!(%error, group, stream, "the log store does not take a container's lines");
    }
}
