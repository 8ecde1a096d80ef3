//! The recent commits of an engine, kept in memory for its watchers.
//!
//! One bounded ring serves any number of watchers: each holds only its position, so a slow one
//! costs nothing and is told `Compacted` when the ring has moved past it. An engine appends a
//! commit only once it is durable, hence no watcher ever sees what a crash could undo.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Batch, Compacted, Range, Seq, Watch, WatchError, WatchSource};

/// The most commits that are kept.
const MAX_BATCHES: usize = 16_384;
/// The most bytes of keys and values that are kept (the newest commit always is).
const MAX_BYTES: usize = 16 << 20;

/// A bounded log of commits. Cloning shares it.
#[derive(Clone, Debug)]
pub struct ChangeLog {
    ring: Arc<Mutex<Ring>>,
    last: Arc<watch::Sender<Position>>,
}

#[derive(Clone, Copy, Debug)]
struct Position {
    seq: Seq,
    /// Counts appends and resets, so that each wakes the watchers.
    version: u64,
    closed: bool,
}

#[derive(Debug)]
struct Ring {
    /// Every commit after this one is in `batches`.
    floor: Seq,
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
}

impl ChangeLog {
    /// Starts an empty log behind the commit `floor`.
    pub fn new(floor: Seq) -> Self {
        ChangeLog {
            ring: Arc::new(Mutex::new(Ring { floor, batches: VecDeque::new(), bytes: 0 })),
            last: Arc::new(watch::Sender::new(Position { seq: floor, version: 0, closed: false })),
        }
    }

    /// The last commit in the log.
    pub fn last(&self) -> Seq {
        self.last.borrow().seq
    }

    /// Adds durable commits, in order, and wakes the watchers once.
    pub fn append(&self, batches: Vec<Batch>) {
        let Some(last) = batches.last().map(|batch| batch.seq) else { return };
        let mut ring = self.ring.lock();
        for batch in batches {
            ring.bytes += size(&batch);
            ring.batches.push_back(Arc::new(batch));
        }
        while ring.batches.len() > MAX_BATCHES || (ring.bytes > MAX_BYTES && ring.batches.len() > 1) {
            let Some(oldest) = ring.batches.pop_front() else { break };
            ring.bytes -= size(&oldest);
            ring.floor = oldest.seq;
        }
        self.last.send_modify(|position| {
            position.seq = last;
            position.version += 1;
        });
    }

    /// Forgets everything up to `floor`: watchers behind it are told to scan again.
    pub fn reset(&self, floor: Seq) {
        *self.ring.lock() = Ring { floor, batches: VecDeque::new(), bytes: 0 };
        self.last.send_modify(|position| {
            position.seq = floor;
            position.version += 1;
        });
    }

    /// Ends every watch once it has delivered what is in the log.
    pub fn close(&self) {
        self.last.send_modify(|position| position.closed = true);
    }

    /// Reports the commits after `after` that touch `range`.
    pub fn watch(&self, range: Range, after: Seq) -> Result<Watch, Compacted> {
        if after < self.ring.lock().floor {
            return Err(Compacted);
        }
        let last = self.last.subscribe();
        Ok(Watch::new(Watcher { ring: self.ring.clone(), last, range, after }))
    }
}

struct Watcher {
    ring: Arc<Mutex<Ring>>,
    last: watch::Receiver<Position>,
    range: Range,
    after: Seq,
}

impl Watcher {
    /// The next batch that touches the range, without waiting.
    fn poll(&mut self) -> Result<Option<Arc<Batch>>, WatchError> {
        loop {
            let batch = {
                let ring = self.ring.lock();
                if self.after < ring.floor {
                    return Err(WatchError::Compacted);
                }
                let next = ring.batches.partition_point(|batch| batch.seq <= self.after);
                ring.batches.get(next).cloned()
            };
            let Some(batch) = batch else { return Ok(None) };
            self.after = batch.seq;
            let inside = batch.writes.iter().filter(|(key, _)| self.range.contains(key)).count();
            if inside == batch.writes.len() {
                return Ok(Some(batch));
            }
            if inside > 0 {
                let writes = batch.writes.iter().filter(|(key, _)| self.range.contains(key));
                return Ok(Some(Arc::new(Batch { seq: batch.seq, writes: writes.cloned().collect() })));
            }
        }
    }
}

#[async_trait]
impl WatchSource for Watcher {
    async fn next(&mut self) -> Result<Arc<Batch>, WatchError> {
        loop {
            // Read before the ring: what is appended after this line wakes `changed` below.
            let closed = self.last.borrow_and_update().closed;
            if let Some(batch) = self.poll()? {
                return Ok(batch);
            }
            if closed || self.last.changed().await.is_err() {
                return Err(WatchError::Closed);
            }
        }
    }
}

fn size(batch: &Batch) -> usize {
    batch.writes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, |v| v.len())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(seq: u64, key: &'static str, bytes: usize) -> Batch {
        Batch { seq: Seq(seq), writes: vec![(key.as_bytes().into(), Some(vec![0; bytes].into()))] }
    }

    #[tokio::test]
    async fn a_watch_skips_other_ranges_and_ends_at_close() {
        let log = ChangeLog::new(Seq(4));
        let mut watch = log.watch(Range::prefix(b"a"), Seq(4)).unwrap();
        log.append(vec![batch(5, "b1", 1), batch(6, "a1", 1)]);
        assert_eq!(watch.next().await.unwrap().seq, Seq(6));
        log.close();
        assert_eq!(watch.next().await, Err(WatchError::Closed));
    }

    #[tokio::test]
    async fn the_ring_is_bounded_and_tells_who_fell_behind() {
        let log = ChangeLog::new(Seq(0));
        let mut slow = log.watch(Range::all(), Seq(0)).unwrap();
        log.append((1..=20).map(|n| batch(n, "k", 1 << 20)).collect());
        assert_eq!(slow.next().await, Err(WatchError::Compacted));
        assert!(log.watch(Range::all(), Seq(3)).is_err());
        assert_eq!(log.watch(Range::all(), Seq(19)).unwrap().next().await.unwrap().seq, Seq(20));
    }

    #[tokio::test]
    async fn a_reset_is_noticed_while_waiting() {
        let log = ChangeLog::new(Seq(1));
        let mut watch = log.watch(Range::all(), Seq(1)).unwrap();
        let waiting = tokio::spawn(async move { watch.next().await });
        tokio::task::yield_now().await;
        log.reset(Seq(2));
        assert_eq!(waiting.await.unwrap(), Err(WatchError::Compacted));
    }
}
