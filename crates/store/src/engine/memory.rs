//! The engine without a disk: for tests and for the simulated world.
//!
//! Single-threaded and deterministic: it neither blocks nor spawns, and a commit is "durable"
//! when its lock is released. It honours the same contract as the others, limits included.

use std::ops::Bound;

use async_trait::async_trait;
use bytes::Bytes;
use imbl::OrdMap;
use parking_lot::Mutex;

use super::{
    Batch, ChangeLog, Commit, CommitError, Compacted, Cursor, Engine, Entry, Range, ReadError, Seq, Watch,
};
use crate::limit::MAX_PAGE;

type Entries = OrdMap<Bytes, (Bytes, Seq)>;

/// Keeps everything in memory; gone when dropped.
#[derive(Debug)]
pub struct MemoryEngine {
    state: Mutex<State>,
    log: ChangeLog,
}

#[derive(Debug, Default)]
struct State {
    entries: Entries,
    seq: Seq,
    closed: bool,
}

impl MemoryEngine {
    /// Starts empty.
    pub fn new() -> Self {
        MemoryEngine { state: Mutex::default(), log: ChangeLog::new(Seq(0)) }
    }
}

impl Default for MemoryEngine {
    fn default() -> Self {
        MemoryEngine::new()
    }
}

#[async_trait]
impl Engine for MemoryEngine {
    async fn get(&self, key: &[u8]) -> Result<Option<Entry>, ReadError> {
        let state = self.state.lock();
        let found = state.entries.get_key_value(key);
        Ok(found.map(|(key, (value, seq))| Entry { key: key.clone(), value: value.clone(), seq: *seq }))
    }

    async fn scan(&self, range: Range) -> Result<Box<dyn Cursor>, ReadError> {
        let state = self.state.lock();
        Ok(Box::new(MemoryCursor { entries: state.entries.clone(), seq: state.seq, range }))
    }

    async fn commit(&self, commit: Commit) -> Result<Seq, CommitError> {
        commit.check().map_err(CommitError::TooLarge)?;
        let mut state = self.state.lock();
        if state.closed {
            return Err(CommitError::Unavailable("the engine is closed".into()));
        }
        for (key, expect) in &commit.expectations {
            if !expect.is_met_by(state.entries.get(key).map(|(_, seq)| *seq)) {
                return Err(CommitError::Conflict { key: key.clone(), seen: state.seq });
            }
        }
        if commit.writes.is_empty() {
            return Ok(state.seq);
        }
        let seq = Seq(state.seq.0 + 1);
        state.seq = seq;
        for (key, value) in &commit.writes {
            match value {
                Some(value) => state.entries.insert(key.clone(), (value.clone(), seq)),
                None => state.entries.remove(key),
            };
        }
        // Under the lock, so that the log has the commits in their order.
        self.log.append(vec![Batch { seq, writes: commit.writes.into_iter().collect() }]);
        Ok(seq)
    }

    fn watch(&self, range: Range, after: Seq) -> Result<Watch, Compacted> {
        self.log.watch(range, after)
    }

    async fn close(&self) {
        self.state.lock().closed = true;
        self.log.close();
    }
}

struct MemoryCursor {
    entries: Entries,
    seq: Seq,
    range: Range,
}

#[async_trait]
impl Cursor for MemoryCursor {
    fn seq(&self) -> Seq {
        self.seq
    }

    async fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let page: Vec<Entry> = self
            .entries
            .range::<_, [u8]>((Bound::Included(self.range.start.as_slice()), Bound::Unbounded))
            .take_while(|(key, _)| self.range.contains(key))
            .take(limit.min(MAX_PAGE))
            .map(|(key, (value, seq))| Entry { key: key.clone(), value: value.clone(), seq: *seq })
            .collect();
        if let Some(last) = page.last() {
            // The smallest key after `last`.
            self.range.start = [&last.key[..], &[0]].concat();
        }
        Ok(page)
    }
}
