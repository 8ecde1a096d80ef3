//! What can go wrong between a caller and the store.

use model::record::RecordError;
use thiserror::Error;

use crate::engine::ReadError;
use crate::key::Key;
use crate::limit::Limit;

/// Why the store did not do what was asked.
#[derive(Debug, Error)]
pub enum Error {
    /// An expectation did not hold: somebody else wrote first. Nothing was written.
    ///
    /// Temporary: read again and decide again. The next snapshot shows what was written.
    #[error("{table} {key:?} is not as expected")]
    Conflict {
        /// The table of the first expectation that failed.
        table: String,
        /// The row's key.
        key: Key,
    },
    /// The leadership under which the commit was made has passed on. Nothing was written.
    #[error("the leadership {name:?} has passed to another")]
    Fenced {
        /// The leadership's name.
        name: String,
    },
    /// The transaction exceeds a limit of the trait: the caller's fault. Nothing was written.
    #[error("too large for one commit")]
    TooLarge(#[source] Limit),
    /// The commit could not be made durable (disk full, I/O error, shutting down). Temporary.
    ///
    /// Whether it happened is unknown until the rows are read again.
    #[error("the state store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another process has the data directory open.
    #[error("{directory} is in use by another process")]
    Locked {
        /// The directory of the state store.
        directory: String,
    },
    /// The engine's files could not be opened.
    #[error("opening the state store in {directory}")]
    Open {
        /// The directory of the state store.
        directory: String,
        /// What the engine or the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine could not be scanned while loading the tables.
    #[error("reading the state store")]
    Read(#[source] ReadError),
    /// A stored row cannot be read: damaged, or written by a newer version.
    #[error("reading {table} {key:?}")]
    Row {
        /// The table.
        table: String,
        /// The row's key.
        key: Key,
        /// What is wrong with the bytes.
        #[source]
        source: RecordError,
    },
}

impl Error {
    /// Whether reading again and deciding again may succeed.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Error::Conflict { .. })
    }
}
