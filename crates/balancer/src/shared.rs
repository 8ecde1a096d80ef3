//! What all connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::ClientConfig;

use crate::access::AccessLines;
use crate::group::Board;
use crate::http::TraceIds;
use crate::net;
use crate::signal::Signal;

/// What all connections share.
#[derive(Debug)]
pub struct Shared {
    /// Where targets tell of changes.
    pub board: Arc<Board>,
    /// Lines of access logs that wait to be stored.
    pub access: Arc<AccessLines>,
    /// Makes trace ids.
    pub traces: TraceIds,
    /// TLS towards targets.
    pub target_tls: Arc<ClientConfig>,
    /// Said when another process takes over: what is open may finish.
    pub leaving: Signal,
    open: Arc<AtomicUsize>,
}

impl Shared {
    /// Makes it; `seed` is random.
    pub fn new(workers: usize, seed: u64) -> Shared {
        Shared {
            board: Arc::new(Board { workers, ..Board::default() }),
            access: Arc::default(),
            traces: TraceIds::new(seed),
            target_tls: net::client_config(),
            leaving: Signal::default(),
            open: Arc::default(),
        }
    }

    /// Counts a connection.
    pub fn open(&self) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(self.open.clone())
    }

    /// How many connections of clients are open.
    pub fn connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

/// An open connection of a client.
#[derive(Debug)]
pub struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
