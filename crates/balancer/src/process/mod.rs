//! `longshore balancer`: the data plane as a process of its own.
//!
//! It keeps its last routes in a file, so that it starts again with them while nobody is there to tell. A successor
//! gets its listening sockets, so that no connection is refused while one build replaces another; what is open
//! in the old process finishes there. `run.rs` is its life, `link.rs` both ends of its control socket.

mod access;
mod frame;
mod hand_over;
mod link;
mod run;

use std::path::{Path, PathBuf};

pub use link::{Link, Sending};
pub use run::run;

/// Why the process, or the way to it, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of its directory.
    #[error("{doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What came of it.
        #[source]
        source: std::io::Error,
    },
    /// The control socket.
    #[error("talking over the balancer's control socket")]
    Link(#[source] std::io::Error),
    /// The operating system refuses what every process needs.
    #[error("starting the balancer")]
    Start(#[source] std::io::Error),
}

/// Where the control socket of a balancer's directory is.
pub fn socket_path(directory: &Path) -> PathBuf {
    directory.join("control.sock")
}

/// Names a build: a replaced executable is another one, even of the same version.
pub fn build_of(executable: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let version = env!("CARGO_PKG_VERSION");
    match std::fs::metadata(executable) {
        Ok(file) => {
            format!("{version}-{:x}-{:x}-{:x}", file.ino(), file.size(), file.mtime_nsec() ^ file.mtime())
        }
        Err(_) => version.to_owned(),
    }
}
