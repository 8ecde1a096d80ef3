//! What can go wrong with a blob.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::{BlobName, Digest};

/// Why the blob store did not do what was asked.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no blob of this name.
    #[error("no blob {name}")]
    NotFound {
        /// The name asked for.
        name: BlobName,
    },
    /// The name is taken: blobs are written once.
    #[error("blob {name} exists already")]
    Exists {
        /// The name that is taken.
        name: BlobName,
    },
    /// The blob is too large to be brought into memory whole.
    #[error("blob {name} of {size_bytes} bytes is too large to be read whole")]
    TooLarge {
        /// The blob.
        name: BlobName,
        /// Its length.
        size_bytes: u64,
    },
    /// The range asked for begins beyond the blob's end or is empty.
    #[error("the range is not within blob {name}")]
    Range {
        /// The blob.
        name: BlobName,
    },
    /// A name, prefix or upload id with forbidden characters.
    #[error("not a blob name: {name:?}")]
    InvalidName {
        /// What was given.
        name: String,
    },
    /// There is no upload of this id.
    #[error("no upload {id}")]
    NoUpload {
        /// The id asked for.
        id: String,
    },
    /// The id of a new upload is taken.
    #[error("upload {id} exists already")]
    UploadExists {
        /// The id that is taken.
        id: String,
    },
    /// Somebody else holds the upload now. Temporary.
    #[error("upload {id} is being written by another request")]
    Busy {
        /// The upload.
        id: String,
    },
    /// An earlier append failed or was cancelled: resume the upload to learn its size.
    #[error("upload {id} was interrupted")]
    Interrupted {
        /// The upload.
        id: String,
    },
    /// The bytes are not those that were promised. The upload is kept.
    #[error("the digest is {actual}, not {expected}")]
    DigestMismatch {
        /// What was promised.
        expected: Box<Digest>,
        /// What the bytes give.
        actual: Box<Digest>,
    },
    /// The file system refused; `StorageFull` means that there is no room.
    #[error("{attempt} {}", path.display())]
    Io {
        /// What was attempted, as a participle.
        attempt: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The object storage holds the blobs of another store.
    #[error("the blobs there belong to another Longshore ({owner})")]
    Foreign {
        /// The name of the other.
        owner: String,
    },
    /// The object store refused.
    #[error("{attempt} blob {name:?}")]
    Backend {
        /// What was attempted, as a participle.
        attempt: &'static str,
        /// On which blob or prefix.
        name: String,
        /// What it said.
        #[source]
        source: object_store::Error,
    },
    /// The runtime stopped while the work was under way.
    #[error("the blob store is shutting down")]
    Stopped,
}

impl Error {
    /// Whether the cause is a disk without room.
    pub fn is_full(&self) -> bool {
        matches!(self, Error::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    pub(super) fn from_backend(attempt: &'static str, name: &BlobName, source: object_store::Error) -> Self {
        match source {
            object_store::Error::NotFound { .. } => Error::NotFound { name: name.clone() },
            source if is_range_error(&source) => Error::Range { name: name.clone() },
            source => Error::Backend { attempt, name: name.to_string(), source },
        }
    }
}

/// The backends wrap what is wrong with a range in their generic error.
fn is_range_error(error: &object_store::Error) -> bool {
    let text = match error {
        object_store::Error::Generic { source, .. } => source.to_string(),
        _ => return false,
    };
    text.contains("range") || text.contains("Range")
}

/// Runs blocking file work off the runtime's threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Stopped))
}
