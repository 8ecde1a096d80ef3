//! Lines of access logs that wait until somebody has stored them.
//!
//! They wait in memory and are bounded: while nobody takes them, the newest are dropped and counted. What is lent is
//! put back unless it was stored, so that a link that breaks costs nothing, and at worst one batch comes twice.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;
use wire::link::AccessLine;

/// Lines that wait at most, and their bytes.
const MOST_LINES: usize = 100_000;
const MOST_BYTES: usize = 64 << 20;
/// Lines in a batch at most, and their bytes.
const BATCH_LINES: usize = 1000;
const BATCH_BYTES: usize = 4 << 20;

/// Lines that wait.
#[derive(Debug, Default)]
pub struct AccessLines {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<AccessLine>,
    bytes: usize,
    dropped: u64,
}

/// A batch that is on its way; it goes back unless it is said to be stored.
#[derive(Debug)]
pub struct Lent<'a> {
    /// The lines.
    pub lines: Vec<AccessLine>,
    owner: &'a AccessLines,
}

impl AccessLines {
    /// Adds a line, or counts it where there is no room.
    pub fn push(&self, line: AccessLine) {
        let mut queue = self.queue.lock();
        if queue.lines.len() >= MOST_LINES || queue.bytes >= MOST_BYTES {
            queue.dropped += 1;
            return;
        }
        queue.bytes += line.line.len();
        queue.lines.push_back(line);
        drop(queue);
        self.arrived.notify_one();
    }

    /// Waits until there is a line.
    pub async fn some(&self) {
        while self.queue.lock().lines.is_empty() {
            self.arrived.notified().await;
        }
    }

    /// How many lines were dropped since this was asked last.
    pub fn dropped(&self) -> u64 {
        std::mem::take(&mut self.queue.lock().dropped)
    }

    /// The oldest lines, as many as make a batch.
    pub fn lend(&self) -> Lent<'_> {
        let mut queue = self.queue.lock();
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while lines.len() < BATCH_LINES
            && bytes < BATCH_BYTES
            && let Some(line) = queue.lines.pop_front()
        {
            bytes += line.line.len();
            lines.push(line);
        }
        queue.bytes = queue.bytes.saturating_sub(bytes);
        Lent { lines, owner: self }
    }
}

impl Lent<'_> {
    /// The lines are stored.
    pub fn stored(mut self) {
        self.lines.clear();
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let mut queue = self.owner.queue.lock();
        for line in self.lines.drain(..).rev() {
            queue.bytes += line.line.len();
            queue.lines.push_front(line);
        }
        drop(queue);
        self.owner.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use wire::link::LogKind;

    use super::*;

    fn line(timestamp: i64) -> AccessLine {
        AccessLine { load_balancer: "lb".to_owned(), kind: LogKind::Access, timestamp, line: "x".to_owned() }
    }

    fn numbers(lent: &Lent<'_>) -> Vec<i64> {
        lent.lines.iter().map(|line| line.timestamp).collect()
    }

    #[test]
    fn what_was_not_stored_comes_again_in_its_order() {
        let lines = AccessLines::default();
        (0..3).for_each(|number| lines.push(line(number)));
        drop(lines.lend());
        lines.push(line(3));
        let lent = lines.lend();
        assert_eq!(numbers(&lent), [0, 1, 2, 3]);
        lent.stored();
        assert_eq!(numbers(&lines.lend()), [0; 0]);
        assert_eq!(lines.queue.lock().bytes, 0);
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let lines = AccessLines::default();
        (0..=MOST_LINES).for_each(|_| lines.push(line(0)));
        assert_eq!((lines.dropped(), lines.dropped()), (1, 0));
        let lent = lines.lend();
        assert_eq!(lent.lines.len(), BATCH_LINES);
        lent.stored();
        lines.push(line(1));
        assert_eq!(lines.dropped(), 0);
    }
}
