//! A session's output on its way to CloudWatch Logs: line by line, in a stream with the session's name.

use services::exec::LogDestination;
use services::node;
use wire::link::{LogBatch, LogEvent};

use super::Surroundings;

/// Lines are written at the latest when there is so much of them.
const BATCH_BYTES: usize = 64 << 10;
/// A line is cut where it is longer.
const LINE_BYTES: usize = 32 << 10;

/// Takes a session's output.
pub(super) struct SessionLog {
    around: Surroundings,
    destination: LogDestination,
    stream: String,
    line: Vec<u8>,
    events: Vec<LogEvent>,
    bytes: usize,
    written: u64,
}

impl SessionLog {
    /// Makes the stream ready; an error is the reason why the session cannot be logged, and so not be had.
    pub(super) async fn open(
        around: Surroundings,
        destination: LogDestination,
        session_id: &str,
    ) -> Result<SessionLog, String> {
        let log = SessionLog {
            around,
            destination,
            stream: session_id.to_owned(),
            line: Vec::new(),
            events: Vec::new(),
            bytes: 0,
            written: 0,
        };
        let Surroundings { cloud, clock, ids } = &log.around;
        match node::open_log_stream(cloud, &log.batch(Vec::new()), clock.now(), ids).await {
            Ok(_offset) => Ok(log),
            Err(error) => Err(format!(
                "The session cannot be logged to the log group {}: {}",
                log.destination.group, error.message
            )),
        }
    }

    /// Takes output; writes when there is enough of it.
    pub(super) async fn take(&mut self, output: &[u8]) {
        for &byte in output {
            if byte == b'\n' || self.line.len() >= LINE_BYTES {
                self.end_line();
            }
            if byte != b'\n' {
                self.line.push(byte);
            }
        }
        if self.bytes >= BATCH_BYTES {
            self.flush().await;
        }
    }

    /// Writes what is left.
    pub(super) async fn finish(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.flush().await;
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let message = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line)).into_owned();
        if message.is_empty() {
            return;
        }
        self.bytes += message.len();
        self.events.push(LogEvent { timestamp: self.around.clock.now().as_millis(), message });
    }

    /// A failure costs the session its log, not its life: the operator reads of it.
    async fn flush(&mut self) {
        let events = std::mem::take(&mut self.events);
        self.bytes = 0;
        if events.is_empty() {
            return;
        }
        let batch = self.batch(events);
        self.written = batch.next_offset;
        let Surroundings { cloud, clock, ids } = &self.around;
        if let Err(error) = node::put_log_events(cloud, batch, clock.now(), ids).await {
            tracing::error!(session = self.stream, %error, "the output of an exec session was not logged");
        }
    }

    fn batch(&self, events: Vec<LogEvent>) -> LogBatch {
        LogBatch {
            task_arn: String::new(),
            account: self.destination.scope.account.to_string(),
            region: self.destination.scope.region.to_string(),
            log_group: self.destination.group.clone(),
            log_stream: self.stream.clone(),
            create_group: self.destination.create_group,
            source: self.stream.clone(),
            offset: self.written,
            next_offset: self.written + u64::try_from(events.len()).unwrap_or(0),
            events,
        }
    }
}
