//! The raw engine: byte keys, atomic commits in one order, and a watch over them.
//!
//! It is the part of etcd that every engine can honour. An engine is judged by the suite in
//! `tests/conformance`; limits ([`crate::Limit`]) are checked by [`Commit::check`], the same
//! for all. Rooms never see this layer: they use [`crate::Store`].

mod changelog;
mod embedded;
mod memory;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limit::{Limit, MAX_COMMIT_BYTES, MAX_COMMIT_OPERATIONS, MAX_KEY_BYTES};

pub use changelog::ChangeLog;
pub use embedded::EmbeddedEngine;
pub use memory::MemoryEngine;

/// The number of a commit: later commits have greater numbers. A row carries that of its last write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a commit demands of a key before it writes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The key exists and was last written by exactly this commit.
    Seq(Seq),
    /// The key does not exist.
    Absent,
    /// The key exists, whatever its version: what refers to it may be written.
    Any,
}

impl Expect {
    /// Whether a key last written at `found` (`None`: absent) meets the expectation.
    pub fn is_met_by(self, found: Option<Seq>) -> bool {
        match self {
            Expect::Seq(wanted) => found == Some(wanted),
            Expect::Absent => found.is_none(),
            Expect::Any => found.is_some(),
        }
    }
}

/// One stored key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Bytes,
    /// Its value.
    pub value: Bytes,
    /// The commit that last wrote it.
    pub seq: Seq,
}

/// A range of keys: from `start` (included) to `end` (excluded; `None`: without end).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first key.
    pub start: Vec<u8>,
    /// The first key beyond the range.
    pub end: Option<Vec<u8>>,
}

impl Range {
    /// Every key.
    pub fn all() -> Self {
        Range { start: Vec::new(), end: None }
    }

    /// Every key that begins with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        let kept = prefix.iter().rposition(|byte| *byte != 0xff);
        let end = kept.map(|last| {
            let mut end = prefix[..=last].to_vec();
            end[last] += 1;
            end
        });
        Range { start: prefix.to_vec(), end }
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start.as_slice() && self.end.as_deref().is_none_or(|end| key < end)
    }
}

/// Expectations and writes that happen together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// What must hold before; all are checked against one state.
    pub expectations: Vec<(Bytes, Expect)>,
    /// What is written: a value, or `None` to delete. Deleting an absent key is no error.
    pub writes: BTreeMap<Bytes, Option<Bytes>>,
}

impl Commit {
    /// Keys and values in bytes.
    pub fn size(&self) -> usize {
        let expected: usize = self.expectations.iter().map(|(key, _)| key.len()).sum();
        let written: usize =
            self.writes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len)).sum();
        expected + written
    }

    /// Fails if the commit breaks a limit of the trait. Every engine calls it first.
    pub fn check(&self) -> Result<(), Limit> {
        let operations = self.writes.len().max(self.expectations.len());
        if operations > MAX_COMMIT_OPERATIONS {
            return Err(Limit::Operations(operations));
        }
        let keys = self.expectations.iter().map(|(key, _)| key).chain(self.writes.keys());
        if let Some(key) = keys.into_iter().find(|key| key.len() > MAX_KEY_BYTES) {
            return Err(Limit::KeyLength(key.len()));
        }
        if self.size() > MAX_COMMIT_BYTES { Err(Limit::Bytes(self.size())) } else { Ok(()) }
    }
}

/// The writes of one commit, as a watch reports them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The commit.
    pub seq: Seq,
    /// Key and new value (`None`: deleted), in key order; only those in the watched range.
    pub writes: Vec<(Bytes, Option<Bytes>)>,
}

/// Why an engine did not read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The engine cannot read now; a later attempt may work.
    #[error("the state store cannot be read")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The state that the scan began with is no longer kept: scan again.
    #[error("the scanned state is no longer kept")]
    Compacted,
}

/// Why a commit wrote nothing, or is not known to have written.
#[derive(Debug, Error)]
pub enum CommitError {
    /// An expectation did not hold. Nothing was written.
    #[error("the expectation on key {} does not hold", key.escape_ascii())]
    Conflict {
        /// The first key whose expectation failed.
        key: Bytes,
        /// The state in which it failed: reading at this `Seq` or later shows why.
        seen: Seq,
    },
    /// A limit of the trait was exceeded. Nothing was written.
    #[error("too large for one commit")]
    TooLarge(#[source] Limit),
    /// The engine could not make the commit durable (disk full, I/O error, shutting down).
    ///
    /// Whether it happened is unknown until the key is read again.
    #[error("the commit could not be made durable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a watch gives nothing more.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WatchError {
    /// Changes after the watcher's position are no longer kept: scan again, watch from there.
    #[error("the changes asked for are no longer kept")]
    Compacted,
    /// The engine has been shut down.
    #[error("the engine is closed")]
    Closed,
}

/// The changes after a `Seq` are no longer kept: scan, then watch from the scan's `Seq`.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the changes asked for are no longer kept")]
pub struct Compacted;

/// A scan in progress. Every page shows the same state, that of [`Cursor::seq`].
#[async_trait]
pub trait Cursor: Send {
    /// The last commit that the scan shows.
    fn seq(&self) -> Seq;

    /// The next entries in key order, at most `limit` (and [`crate::MAX_PAGE`]); empty at the end.
    async fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError>;
}

/// What feeds a [`Watch`]; implemented by engines.
#[async_trait]
pub trait WatchSource: Send {
    /// Waits for the next commit that touches the range.
    async fn next(&mut self) -> Result<Arc<Batch>, WatchError>;
}

/// The commits of a range, in order and without gaps.
pub struct Watch(Box<dyn WatchSource>);

impl Watch {
    /// Wraps an engine's source.
    pub fn new(source: impl WatchSource + 'static) -> Self {
        Watch(Box::new(source))
    }

    /// Waits for the next commit that touches the range. Cancelling the wait loses nothing.
    pub async fn next(&mut self) -> Result<Arc<Batch>, WatchError> {
        self.0.next().await
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// A durable, ordered key-value store with atomic commits.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Reads one key.
    async fn get(&self, key: &[u8]) -> Result<Option<Entry>, ReadError>;

    /// Begins a scan of `range` at the current state.
    async fn scan(&self, range: Range) -> Result<Box<dyn Cursor>, ReadError>;

    /// Applies `commit` if its expectations hold; answers once it is durable.
    ///
    /// A commit without writes only checks, and answers the current `Seq`.
    async fn commit(&self, commit: Commit) -> Result<Seq, CommitError>;

    /// Reports every commit after `after` that touches `range`.
    fn watch(&self, range: Range, after: Seq) -> Result<Watch, Compacted>;

    /// Finishes what was accepted and lets go of the files. Later commits are refused.
    async fn close(&self);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_ranges_end_at_the_next_sibling() {
        assert_eq!(Range::prefix(b"ab").end.as_deref(), Some(&b"ac"[..]));
        assert_eq!(Range::prefix(b"a\xff").end.as_deref(), Some(&b"b"[..]));
        assert_eq!(Range::prefix(b"\xff").end, None);
        assert!(Range::prefix(b"a").contains(b"a\xff\xff") && !Range::prefix(b"a").contains(b"b"));
    }

    #[test]
    fn each_limit_is_checked() {
        let write = |count: usize, bytes: usize| Commit {
            expectations: vec![],
            writes: (0..count)
                .map(|n| (n.to_be_bytes().to_vec().into(), Some(vec![0; bytes].into())))
                .collect(),
        };
        assert_eq!(write(100, 10).check(), Ok(()));
        assert_eq!(write(101, 10).check(), Err(Limit::Operations(101)));
        assert!(matches!(write(1, MAX_COMMIT_BYTES).check(), Err(Limit::Bytes(_))));
        let mut long = write(0, 0);
        long.expectations.push((vec![b'k'; MAX_KEY_BYTES + 1].into(), Expect::Absent));
        assert_eq!(long.check(), Err(Limit::KeyLength(MAX_KEY_BYTES + 1)));
    }
}
