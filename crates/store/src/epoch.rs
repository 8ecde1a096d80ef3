//! Leadership as a fenced record.
//!
//! Who leads writes the record of its leadership; every later commit of that leader carries the
//! record's version as an expectation. Taking over rewrites the record, and from that commit on
//! nothing of the former leader can be committed, however late it arrives. The record is written
//! only at a change of leader: leases and heartbeats live elsewhere.

use model::Record;
use serde::{Deserialize, Serialize};

use crate::engine::{Expect, Seq};
use crate::error::Error;
use crate::key::Key;
use crate::row::Row;
use crate::tables::Store;
use crate::txn::Txn;

/// The stored record of a leadership. The store registers its table by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leadership {
    /// What is led, such as `control`.
    pub name: String,
    /// Counts the changes of leader.
    pub term: u64,
    /// Who leads: free text for operators.
    pub holder: String,
}

impl Record for Leadership {}

impl Row for Leadership {
    const TABLE: &'static str = "store/leadership";
    fn key(&self) -> Key {
        crate::key![self.name]
    }
}

/// The proof of having taken a leadership: what [`Txn::fenced`] puts into every commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    name: String,
    term: u64,
    seq: Seq,
}

impl Epoch {
    /// Takes the leadership `name` from whoever had it, fencing the former leader off.
    ///
    /// Fails with [`Error::Conflict`] if another took it at the same moment. Whether it *may* be
    /// taken (the data directory's lock, an expired lease) is the caller's to know.
    pub async fn take(store: &Store, name: &str, holder: &str) -> Result<Epoch, Error> {
        let key = crate::key![name];
        let current = store.get::<Leadership>(&key);
        let term = current.as_ref().map_or(0, |current| current.term) + 1;
        let next = Leadership { name: name.to_owned(), term, holder: holder.to_owned() };
        let txn = match &current {
            Some(current) => Txn::new().update(current, &next),
            None => Txn::new().insert(&next),
        };
        // A conflict here is the race for the leadership, not the loss of one.
        let seq = store.commit(txn).await.map_err(|error| match error {
            Error::Fenced { .. } => Error::Conflict { table: Leadership::TABLE.to_owned(), key },
            other => other,
        })?;
        Ok(Epoch { name: name.to_owned(), term, seq })
    }

    /// The number of this leadership; each taking has a greater one.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// Whether nobody has taken the leadership since, as far as this store's memory shows.
    pub fn is_current(&self, store: &Store) -> bool {
        store.get::<Leadership>(&crate::key![self.name]).is_some_and(|held| held.seq == self.seq)
    }

    pub(crate) fn guard(&self, txn: Txn) -> Txn {
        txn.require::<Leadership>(&crate::key![self.name], Expect::Seq(self.seq))
    }
}

/// The name in a [`Leadership`] key.
pub(crate) fn leadership_name(key: &Key) -> String {
    let bytes = key.as_bytes();
    let text = bytes.get(1..bytes.len().saturating_sub(1)).unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}
