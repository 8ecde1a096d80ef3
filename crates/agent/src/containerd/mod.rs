//! containerd: a private child that outlives us, or one that the operator runs.
//!
//! [`Containerd::start`] answers once the daemon serves requests. [`Connection`] is the only
//! way to its API: it adds our namespace and finds out what the daemon can do.

mod child;
mod connection;
mod crun;
mod daemon_config;
mod orphans;
mod probe;

use std::path::PathBuf;
use std::time::Duration;

pub use connection::Connection;
pub use crun::{is_veil, veil_main};
pub use orphans::end_shim;
pub use probe::OciRuntime;

use crate::config::AgentConfig;

/// How long a daemon may take to serve its first request.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Why containerd cannot be used; every text says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// We lack the rights to run containers.
    #[error("running containers needs root: start longshore as root (for example with sudo)")]
    NotRoot,
    /// No daemon executable was found.
    #[error(
        "containerd is not installed: install it (Debian: apt-get install containerd) or name a running one"
    )]
    NotInstalled,
    /// No OCI runtime was found.
    #[error("no OCI runtime is installed: install crun or runc (Debian: apt-get install crun)")]
    NoRuntime,
    /// The runtime shim was not found.
    #[error("containerd-shim-runc-v2 is not in PATH: it belongs to containerd; reinstall containerd")]
    NoShim,
    /// No snapshotter works.
    #[error(
        "containerd offers neither overlayfs nor native snapshots: load the kernel's overlay module (modprobe overlay)"
    )]
    NoSnapshotter,
    /// A directory or file could not be prepared.
    #[error("preparing {path}")]
    Prepare {
        /// What was to be made.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The daemon could not be started.
    #[error("starting {executable}")]
    Spawn {
        /// The daemon.
        executable: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The daemon ended while it was starting.
    #[error("containerd ended while starting; its last words: {log_tail}")]
    Died {
        /// The end of its log.
        log_tail: String,
    },
    /// The daemon did not answer in time.
    #[error("containerd at {address} does not answer: check that it runs and that the path is right")]
    Silent {
        /// Its socket.
        address: PathBuf,
    },
    /// A request failed.
    #[error("asking containerd to {attempt}")]
    Request {
        /// What was asked.
        attempt: &'static str,
        /// Its answer.
        #[source]
        source: Box<tonic::Status>,
    },
}

impl Error {
    /// Wraps a refused request.
    pub(crate) fn request(attempt: &'static str) -> impl FnOnce(tonic::Status) -> Error {
        move |status| Error::Request { attempt, source: Box::new(status) }
    }
}

/// Whether a status says that the daemon was away, not that it was unwilling: one that tells of a broken connection
/// carries its cause, one that the daemon sent never does.
pub(crate) fn was_away(status: &tonic::Status) -> bool {
    matches!(status.code(), tonic::Code::Unavailable | tonic::Code::Cancelled)
        || std::error::Error::source(status).is_some()
}

/// A containerd in use.
pub struct Containerd {
    connection: Connection,
    runtime: OciRuntime,
    child: Option<child::Child>,
}

impl Containerd {
    /// Starts, adopts or connects to containerd and waits until it serves.
    pub async fn start(config: &AgentConfig) -> Result<Containerd, Error> {
        if !nix::unistd::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        let serve = async {
            Ok(match &config.containerd_address {
                Some(address) => (address.clone(), None),
                None => {
                    let child = child::Child::start(config).await?;
                    (child.address().to_path_buf(), Some(child))
                }
            })
        };
        let (runtime, (address, child)) = tokio::try_join!(OciRuntime::find(config), serve)?;
        let connection = Connection::open(&address, config.snapshotter.as_deref(), START_TIMEOUT).await?;
        tracing::info!(version = connection.version(), snapshotter = connection.snapshotter(), runtime = %runtime.path().display(), "containerd serves");
        Ok(Containerd { connection, runtime, child })
    }

    /// The way to its API.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The OCI runtime that containers run with.
    pub fn runtime(&self) -> &OciRuntime {
        &self.runtime
    }

    /// Ends a private daemon; to be called only when no task runs. Nothing happens to an operator's.
    pub async fn stop(self) {
        if let Some(child) = self.child {
            child.stop().await;
        }
    }
}
