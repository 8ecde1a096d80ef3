//! Threads that carry connections, each with a runtime of its own.
//!
//! A connection stays where it began, with the target connections that it uses: nothing that happens to a request
//! wakes another thread.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Handle};

/// Threads for connections. They end with the process.
#[derive(Clone, Debug)]
pub struct Workers {
    runtimes: Arc<[Handle]>,
    next: Arc<AtomicUsize>,
}

impl Workers {
    /// Starts `count` threads.
    pub fn start(count: usize) -> io::Result<Workers> {
        let started: io::Result<Vec<_>> = (0..count.max(1)).map(start).collect();
        Ok(Workers { runtimes: started?.into(), next: Arc::default() })
    }

    /// Uses the current runtime: for tests.
    pub fn here() -> Workers {
        Workers { runtimes: [Handle::current()].into(), next: Arc::default() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.runtimes.len()
    }

    /// Gives a connection to the worker whose turn it is. The task ends with the connection.
    pub fn spawn<F>(&self, carry: impl FnOnce(usize) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let worker = self.next.fetch_add(1, Ordering::Relaxed) % self.runtimes.len();
        self.runtimes[worker].spawn(carry(worker));
    }
}

fn start(number: usize) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let thread = std::thread::Builder::new().name(format!("worker-{number}"));
    thread.spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}
