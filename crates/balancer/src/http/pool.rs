//! A target's idle connections, apart for each worker.
//!
//! The freshest is used first, so that those beyond need grow old and are closed. A connection that the target
//! may be closing at this moment is of no use for a request that cannot be repeated: such a one asks for a fresh one.

use std::time::Duration;

use hyper::client::conn::{http1, http2};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::body::Upload;
use super::connect::Sender;

/// Idle connections that a worker keeps for a target.
const MOST_IDLE: usize = 512;
/// Below the keep-alive of most servers.
const LONGEST_IDLE: Duration = Duration::from_secs(60);
/// How fresh a connection has to be for a request that must not be sent twice.
const SURELY_ALIVE: Duration = Duration::from_millis(500);

/// The idle connections of one target.
#[derive(Debug)]
pub struct Pool {
    shards: Vec<Mutex<Shard>>,
}

#[derive(Debug, Default)]
struct Shard {
    idle: Vec<(http1::SendRequest<Upload>, Instant)>,
    shared: Option<http2::SendRequest<Upload>>,
}

impl Pool {
    /// An empty pool.
    pub fn new(workers: usize) -> Pool {
        Pool { shards: (0..workers.max(1)).map(|_| Mutex::default()).collect() }
    }

    /// Takes a connection. `repeatable` says whether the request may be sent again should it turn out dead.
    pub fn take(&self, worker: usize, repeatable: bool) -> Option<Sender> {
        let mut shard = self.shards[worker].lock();
        if let Some(shared) = &shard.shared {
            if shared.is_ready() {
                return Some(Sender::Two(shared.clone()));
            }
            shard.shared = None;
        }
        let now = Instant::now();
        let oldest = if repeatable { LONGEST_IDLE } else { SURELY_ALIVE };
        while let Some((sender, since)) = shard.idle.pop() {
            if now.duration_since(since) > oldest {
                // All below it are older still.
                if repeatable {
                    shard.idle.clear();
                } else {
                    shard.idle.push((sender, since));
                }
                return None;
            }
            if sender.is_ready() {
                return Some(Sender::One(sender));
            }
        }
        None
    }

    /// Keeps an idle connection for the next request.
    pub fn put(&self, worker: usize, sender: http1::SendRequest<Upload>) {
        let mut shard = self.shards[worker].lock();
        if shard.idle.len() < MOST_IDLE {
            shard.idle.push((sender, Instant::now()));
        }
    }

    /// Keeps a connection for any number of requests at once.
    pub fn share(&self, worker: usize, sender: http2::SendRequest<Upload>) {
        self.shards[worker].lock().shared = Some(sender);
    }

    /// Closes what is idle.
    pub fn clear(&self) {
        for shard in &self.shards {
            let Shard { idle, shared } = std::mem::take(&mut *shard.lock());
            drop((idle, shared));
        }
    }

    /// Closes what has been idle for too long.
    pub fn sweep(&self) {
        let now = Instant::now();
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard
                .idle
                .retain(|(sender, since)| !sender.is_closed() && now.duration_since(*since) <= LONGEST_IDLE);
        }
    }
}
