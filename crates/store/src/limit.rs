//! The limits of the state store. They belong to the trait, not to an engine, so that nothing
//! passes on a laptop and fails on etcd. Every one is checked before anything is written.

use thiserror::Error;

/// The most writes in one commit, and separately the most expectations.
pub const MAX_COMMIT_OPERATIONS: usize = 100;
/// The most bytes (keys and values together) in one commit.
pub const MAX_COMMIT_BYTES: usize = 1 << 20;
/// The most rows in one page; a larger wish is cut to this.
pub const MAX_PAGE: usize = 1000;
/// The longest engine key: the table's name and the row's key together.
pub const MAX_KEY_BYTES: usize = 1024;

/// Which limit a commit would have broken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Limit {
    /// More writes, or more expectations, than [`MAX_COMMIT_OPERATIONS`].
    #[error("a commit of {0} operations; at most {MAX_COMMIT_OPERATIONS}")]
    Operations(usize),
    /// More bytes than [`MAX_COMMIT_BYTES`].
    #[error("a commit of {0} bytes; at most {MAX_COMMIT_BYTES}")]
    Bytes(usize),
    /// A key longer than [`MAX_KEY_BYTES`].
    #[error("a key of {0} bytes; at most {MAX_KEY_BYTES}")]
    KeyLength(usize),
}
