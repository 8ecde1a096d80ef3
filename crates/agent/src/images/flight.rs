//! One piece of work for many who want it, and locks by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use parking_lot::Mutex;

/// Work under way, by name. It goes on as long as somebody waits for it, and ends when the last goes.
pub(super) struct Flights<T: Clone> {
    under_way: Mutex<BTreeMap<String, WeakShared<BoxFuture<'static, T>>>>,
}

impl<T: Clone> Default for Flights<T> {
    fn default() -> Self {
        Flights { under_way: Mutex::new(BTreeMap::new()) }
    }
}

impl<T: Clone> Flights<T> {
    /// Joins the work called `name`, or begins it.
    pub(super) fn join(
        &self,
        name: &str,
        begin: impl FnOnce() -> BoxFuture<'static, T>,
    ) -> Shared<BoxFuture<'static, T>> {
        let mut under_way = self.under_way.lock();
        under_way.retain(|_, work| work.upgrade().is_some());
        // Work that has ended is not joined: its answer is of the past.
        let joined = under_way.get(name).and_then(WeakShared::upgrade).filter(|work| work.peek().is_none());
        joined.unwrap_or_else(|| {
            let work = begin().shared();
            if let Some(weak) = work.downgrade() {
                under_way.insert(name.to_string(), weak);
            }
            work
        })
    }
}

/// Locks by name; a name costs nothing once nobody holds or awaits its lock.
#[derive(Clone, Default)]
pub(super) struct NamedLocks {
    locks: Arc<Mutex<BTreeMap<String, Weak<tokio::sync::Mutex<()>>>>>,
}

impl NamedLocks {
    /// Waits for the lock called `name`.
    pub(super) async fn lock(&self, name: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock();
            locks.retain(|_, lock| lock.strong_count() > 0);
            let lock = locks.get(name).and_then(Weak::upgrade).unwrap_or_default();
            locks.insert(name.to_string(), Arc::downgrade(&lock));
            lock
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn many_share_one_piece_of_work() {
        let flights = Flights::<u32>::default();
        let begun = Arc::new(AtomicU32::new(0));
        let start = || {
            let begun = begun.clone();
            async move {
                tokio::task::yield_now().await;
                begun.fetch_add(1, Ordering::SeqCst) + 1
            }
            .boxed()
        };
        let waiting: Vec<_> = (0..5).map(|_| flights.join("a", start)).collect();
        assert_eq!(futures_util::future::join_all(waiting).await, [1; 5]);
        assert_eq!(flights.join("a", start).await, 2);
    }

    #[tokio::test]
    async fn names_lock_apart() {
        let locks = NamedLocks::default();
        let held = locks.lock("a").await;
        let _other = locks.lock("b").await;
        assert!(locks.lock("a").now_or_never().is_none());
        drop(held);
        assert!(locks.lock("a").now_or_never().is_some());
    }
}
