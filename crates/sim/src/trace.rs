//! What happened, line by line, each with its virtual time.

use std::time::Duration;

use tokio::time::Instant;

/// A trace in the making.
#[derive(Clone, Debug)]
pub struct Trace {
    start: Instant,
    lines: Vec<String>,
}

impl Trace {
    /// A trace whose time begins now.
    pub fn new() -> Self {
        Trace { start: Instant::now(), lines: Vec::new() }
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Notes that something happened.
    pub fn note(&mut self, text: impl AsRef<str>) {
        let at = self.elapsed();
        self.lines.push(format!("{:>6}.{:03}  {}", at.as_secs(), at.subsec_millis(), text.as_ref()));
    }

    /// The lines so far.
    pub fn lines(self) -> Vec<String> {
        self.lines
    }
}

impl Default for Trace {
    fn default() -> Self {
        Trace::new()
    }
}

/// The first eight digits of a task's id: enough to find it in a trace.
pub fn short(arn: &str) -> &str {
    let id = arn.rsplit('/').next().unwrap_or(arn);
    id.get(..8).unwrap_or(id)
}
