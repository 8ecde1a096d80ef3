//! Namespaces prepared ahead: loopback up, interface pair in place, only addresses missing.
//!
//! Making one costs more than all the rest of a task's network, and needs nothing of the task.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use super::Error;
use super::names::Names;
use super::namespace::Namespace;
use super::netlink::Netlink;
use super::redirect;

const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// What was taken is made anew once nothing was taken for so long: until then a task is starting, and it comes first.
const QUIET: Duration = Duration::from_millis(150);
/// How often the quiet is waited for.
const QUIET_ATTEMPTS: u32 = 8;

/// A namespace that awaits its addresses.
pub struct Ready {
    /// The name of the namespace and of the host's end of the pair.
    pub name: String,
    /// The namespace.
    pub namespace: Namespace,
    /// A routing socket inside.
    pub inside: Netlink,
    /// The index of `eth0` inside.
    pub inside_index: u32,
    /// The index of the host's end.
    pub host_index: u32,
}

/// The namespaces at hand.
pub struct Pool {
    names: Names,
    host: Netlink,
    size: usize,
    ready: Mutex<VecDeque<Ready>>,
    wanted: Notify,
    closed: CancellationToken,
}

impl Pool {
    /// An empty pool that will hold `size`.
    pub fn new(names: Names, host: Netlink, size: usize) -> Arc<Pool> {
        let (ready, wanted, closed) = (Mutex::default(), Notify::new(), CancellationToken::new());
        Arc::new(Pool { names, host, size, ready, wanted, closed })
    }

    /// Takes a prepared namespace, or makes one when none is left.
    pub async fn take(&self) -> Result<Ready, Error> {
        let taken = self.ready.lock().await.pop_front();
        self.wanted.notify_one();
        match taken {
            Some(ready) => Ok(ready),
            None => self.make().await,
        }
    }

    /// The names of what is at hand.
    pub async fn members(&self) -> BTreeSet<String> {
        self.ready.lock().await.iter().map(|ready| ready.name.clone()).collect()
    }

    /// Keeps the pool full until it is closed.
    pub fn fill_in_background(self: Arc<Self>) {
        tokio::spawn(async move {
            let closed = self.closed.clone();
            tokio::select! {
                biased;
                () = closed.cancelled() => {}
                () = self.keep_full() => {}
            }
        });
    }

    /// Stops filling; what is at hand is left for a sweep.
    pub async fn close(&self) {
        self.closed.cancel();
        self.ready.lock().await.clear();
    }

    async fn keep_full(&self) {
        loop {
            while self.ready.lock().await.len() < self.size {
                match self.make().await {
                    Ok(ready) => self.ready.lock().await.push_back(ready),
                    Err(error) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "no namespace could be prepared"
                        );
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                }
            }
            self.wanted.notified().await;
            self.quiet().await;
        }
    }

    /// Waits until nothing has been taken for a while, or long enough.
    async fn quiet(&self) {
        for _ in 0..QUIET_ATTEMPTS {
            if tokio::time::timeout(QUIET, self.wanted.notified()).await.is_err() {
                return;
            }
        }
    }

    async fn make(&self) -> Result<Ready, Error> {
        let name = self.names.next_pair();
        let (namespace, inside) = Namespace::create(&self.names.namespaces_dir, &name).await?;
        let made = async {
            tokio::try_join!(inside.set_up_loopback(), redirect::metadata(&namespace))?;
            let host_index = self.host.add_pair(&name, &namespace).await?;
            Ok((host_index, inside.inside_index().await?))
        };
        match made.await {
            Ok((host_index, inside_index)) => Ok(Ready { name, namespace, inside, inside_index, host_index }),
            Err(error) => {
                let _ = namespace.remove().await;
                Err(error)
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}
