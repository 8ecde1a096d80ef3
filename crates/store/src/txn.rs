//! A transaction: expectations and writes that happen together or not at all.
//!
//! It is a value: nothing happens until [`crate::Store::commit`]. Methods take and give the
//! transaction, so that it can be built in one expression or in a loop (`txn = txn.put(&row)`).

use std::collections::BTreeMap;

use crate::engine::{Commit, Expect};
use crate::epoch::Epoch;
use crate::key::{Key, KeyBuilder};
use crate::row::{Row, Versioned};

/// Expectations and writes over any tables. The last write of a key counts.
#[derive(Clone, Debug, Default)]
#[must_use = "a transaction does nothing until it is committed"]
pub struct Txn {
    expectations: Vec<(&'static str, Key, Expect)>,
    writes: BTreeMap<(&'static str, Key), Option<Vec<u8>>>,
}

impl Txn {
    /// Starts empty.
    pub fn new() -> Self {
        Txn::default()
    }

    /// Demands that the row is still the version that was read.
    pub fn expect<R: Row>(self, read: &Versioned<R>) -> Self {
        self.require::<R>(&read.row.key(), Expect::Seq(read.seq))
    }

    /// Demands that no row has this key.
    pub fn expect_absent<R: Row>(self, key: &Key) -> Self {
        self.require::<R>(key, Expect::Absent)
    }

    /// Demands that a row with this key exists, whatever its version: for references.
    pub fn expect_present<R: Row>(self, key: &Key) -> Self {
        self.require::<R>(key, Expect::Any)
    }

    /// Demands `expect` of the row with this key.
    pub fn require<R: Row>(mut self, key: &Key, expect: Expect) -> Self {
        let expectation = (R::TABLE, key.clone(), expect);
        if !self.expectations.contains(&expectation) {
            self.expectations.push(expectation);
        }
        self
    }

    /// Demands that the leadership is still held: see [`Epoch`].
    pub fn fenced(self, epoch: &Epoch) -> Self {
        epoch.guard(self)
    }

    /// Writes the row, whether it exists or not.
    pub fn put<R: Row>(mut self, row: &R) -> Self {
        self.writes.insert((R::TABLE, row.key()), Some(row.encode()));
        self
    }

    /// Deletes the row; none with this key is no error.
    pub fn delete<R: Row>(mut self, key: &Key) -> Self {
        self.writes.insert((R::TABLE, key.clone()), None);
        self
    }

    /// Writes a row that must not exist yet.
    pub fn insert<R: Row>(self, row: &R) -> Self {
        self.expect_absent::<R>(&row.key()).put(row)
    }

    /// Replaces the version that was read by `new`, which must have the same key.
    pub fn update<R: Row>(self, read: &Versioned<R>, new: &R) -> Self {
        debug_assert_eq!(read.row.key(), new.key(), "a row's key never changes");
        self.expect(read).put(new)
    }

    /// Deletes the version that was read.
    pub fn remove<R: Row>(self, read: &Versioned<R>) -> Self {
        self.expect(read).delete::<R>(&read.row.key())
    }

    /// Whether there is nothing to write.
    pub fn is_read_only(&self) -> bool {
        self.writes.is_empty()
    }

    /// How many operations count against [`crate::MAX_COMMIT_OPERATIONS`].
    pub fn operations(&self) -> usize {
        self.writes.len().max(self.expectations.len())
    }

    /// The tables that are written or expected of.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &'static str> + '_ {
        let expected = self.expectations.iter().map(|(table, ..)| *table);
        expected.chain(self.writes.keys().map(|(table, _)| *table))
    }

    pub(crate) fn into_commit(self) -> Commit {
        let expectations = self.expectations.iter();
        Commit {
            expectations: expectations
                .map(|(table, key, expect)| (engine_key(table, key).into(), *expect))
                .collect(),
            writes: self
                .writes
                .into_iter()
                .map(|((table, key), value)| (engine_key(table, &key).into(), value.map(Into::into)))
                .collect(),
        }
    }
}

/// The key under which an engine keeps a row: the table's name as first part.
pub(crate) fn engine_key(table: &str, key: &Key) -> Vec<u8> {
    table_prefix(table).join(key).as_bytes().to_vec()
}

/// Splits an engine's key into table and row key; `None` if the store did not make it.
pub(crate) fn split_engine_key(bytes: &[u8]) -> Option<(&str, Key)> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let table = std::str::from_utf8(bytes.get(1..end)?).ok()?;
    Some((table, Key::from_bytes(&bytes[end + 1..])))
}

fn table_prefix(table: &str) -> Key {
    let mut key = KeyBuilder::new();
    key.text(table);
    key.finish()
}
