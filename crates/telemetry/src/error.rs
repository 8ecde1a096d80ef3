//! What can go wrong in the log store, and whose fault it is.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::codec::Malformed;

/// A failure of the log store.
#[derive(Debug, Clone, Error)]
pub enum Error {
    /// More comes in than can be made durable; the same call may succeed later.
    #[error("the log store takes no more events for the moment")]
    Throttled,
    /// A batch that begins before and ends after what the store already has of its source.
    #[error("the source's events before offset {have} are stored already")]
    Overlap {
        /// The first offset still wanted.
        have: u64,
    },
    /// The store is shut, or its disk failed and it takes nothing any more.
    #[error("the log store is closed")]
    Closed,
    /// The local disk failed.
    #[error("{attempt} {path}")]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// A file or blob does not hold what was written.
    #[error("{place} is damaged")]
    Damaged {
        /// The file or blob.
        place: String,
        /// What does not decode.
        #[source]
        source: Arc<Malformed>,
    },
    /// The state store or the blob store failed.
    #[error("{attempt}")]
    Store {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

/// A result of the log store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn disk(attempt: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Error::Disk { attempt, path: path.into(), source: Arc::new(source) }
    }

    pub(crate) fn damaged(place: impl Into<String>, source: Malformed) -> Self {
        Error::Damaged { place: place.into(), source: Arc::new(source) }
    }

    pub(crate) fn store(
        attempt: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Error::Store { attempt, source: Arc::new(source) }
    }
}
