//! The store: typed tables in memory over a durable engine.
//!
//! One follower task applies the engine's watch to the tables and publishes a new state per
//! group of commits; it is the only writer of memory. A commit answers after the follower has
//! applied it, so whoever has its answer also sees it. If the watch falls behind, the tables are
//! loaded again and subscribers are told that they missed something.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

use crate::engine::{Batch, CommitError, Engine, MemoryEngine, Range, Seq, Watch, WatchError};
use crate::epoch::{Leadership, leadership_name};
use crate::error::Error;
use crate::key::Key;
use crate::load::load;
use crate::row::{Row, Schema, Versioned};
use crate::snapshot::{Snapshot, State};
use crate::table::Cell;
use crate::txn::{Txn, split_engine_key};

/// How many changes a slow subscriber may be behind before it is told to look everywhere.
const CHANGES_KEPT: usize = 4096;
/// How often a load is tried while the engine moves on faster than it can be scanned.
const LOAD_ATTEMPTS: usize = 5;

/// Typed tables in memory over a durable engine. Cloning shares them.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    _follower: Arc<Follower>,
}

struct Inner {
    engine: Arc<dyn Engine>,
    schema: Arc<Schema>,
    state: RwLock<Arc<State>>,
    applied: watch::Sender<Seq>,
    changes: broadcast::Sender<Change>,
}

/// Stops the follower when the last clone of the store is gone.
struct Follower(AbortHandle);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A row was written or deleted; the row itself is in the next snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The row's table.
    pub table: &'static str,
    /// The row's key.
    pub key: Key,
    /// The commit.
    pub seq: Seq,
}

/// What a subscriber of [`Store::changes`] is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// One row changed.
    Change(Change),
    /// Changes were missed: anything may have changed.
    Lagged,
}

/// A subscription to changes, in commit order. Bounded: who is too slow gets [`Notice::Lagged`].
#[derive(Debug)]
pub struct Changes(broadcast::Receiver<Change>);

impl Changes {
    /// Waits for the next notice; `None` once the store is gone. Safe to cancel.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(change) if change.table.is_empty() => Some(Notice::Lagged),
            Ok(change) => Some(Notice::Change(change)),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Notice::Lagged),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Store {
    /// Loads all tables of `schema` from `engine` and follows it from there.
    ///
    /// Must be called within a tokio runtime, which then runs the follower task.
    pub async fn open(engine: Arc<dyn Engine>, schema: Schema) -> Result<Store, Error> {
        let schema = Arc::new(schema.table::<Leadership>());
        let (state, watch) = load_and_watch(&*engine, &schema).await?;
        let inner = Arc::new(Inner {
            engine,
            schema,
            applied: watch::Sender::new(state.seq),
            state: RwLock::new(Arc::new(state)),
            changes: broadcast::Sender::new(CHANGES_KEPT),
        });
        let follower = tokio::spawn(follow(inner.clone(), watch)).abort_handle();
        Ok(Store { inner, _follower: Arc::new(Follower(follower)) })
    }

    /// An empty store that keeps nothing: for tests and the simulated world.
    pub async fn memory(schema: Schema) -> Result<Store, Error> {
        Store::open(Arc::new(MemoryEngine::new()), schema).await
    }

    /// The current state of all tables, consistent and unchanging.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.inner.state.read().clone())
    }

    /// The row with this key, now. See [`Snapshot::get`].
    pub fn get<R: Row>(&self, key: &Key) -> Option<Versioned<R>> {
        self.snapshot().get(key)
    }

    /// A page of rows in key order, now. See [`Snapshot::page`].
    pub fn page<R: Row>(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Vec<Versioned<R>> {
        self.snapshot().page(prefix, after, limit)
    }

    /// A page of rows in an index's order, now. See [`Snapshot::page_by`].
    pub fn page_by<R: Row>(
        &self,
        index: &'static str,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Vec<Versioned<R>> {
        self.snapshot().page_by(index, prefix, after, limit)
    }

    /// How many rows have a key under `prefix`, now.
    pub fn count<R: Row>(&self, prefix: &Key) -> usize {
        self.snapshot().count::<R>(prefix)
    }

    /// How many entries of `index` are under `prefix`, now.
    pub fn count_by<R: Row>(&self, index: &'static str, prefix: &Key) -> usize {
        self.snapshot().count_by::<R>(index, prefix)
    }

    /// Commits `txn`: all or nothing. When it answers, the commit is durable and visible.
    ///
    /// After [`Error::Conflict`] the next snapshot shows what was in the way. Dropping the future
    /// does not undo the commit.
    ///
    /// # Panics
    /// If `txn` touches a table that is not in the schema.
    pub async fn commit(&self, txn: Txn) -> Result<Seq, Error> {
        for table in txn.tables() {
            assert!(
                self.inner.schema.kinds.contains_key(table),
                "table {table} is not in the store's schema"
            );
        }
        match self.inner.engine.commit(txn.into_commit()).await {
            Ok(seq) => self.applied(seq).await.map(|()| seq),
            Err(CommitError::TooLarge(limit)) => Err(Error::TooLarge(limit)),
            Err(CommitError::Unavailable(source)) => Err(Error::Unavailable(source)),
            Err(CommitError::Conflict { key, seen }) => {
                self.applied(seen).await?;
                Err(conflict(&key))
            }
        }
    }

    /// Subscribes to the changes from now on. Subscribe first, then take a snapshot: nothing is missed.
    pub fn changes(&self) -> Changes {
        Changes(self.inner.changes.subscribe())
    }

    /// Finishes the accepted commits and closes the engine; later commits are refused.
    ///
    /// Reads go on from memory.
    pub async fn close(&self) {
        self.inner.engine.close().await;
    }

    async fn applied(&self, seq: Seq) -> Result<(), Error> {
        let mut applied = self.inner.applied.subscribe();
        let reached = applied.wait_for(|applied| *applied >= seq).await;
        reached.map(|_| ()).map_err(|error| Error::Unavailable(error.into()))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.snapshot())
    }
}

fn conflict(engine_key: &[u8]) -> Error {
    match split_engine_key(engine_key) {
        Some((Leadership::TABLE, key)) => Error::Fenced { name: leadership_name(&key) },
        Some((table, key)) => Error::Conflict { table: table.to_owned(), key },
        None => Error::Conflict { table: String::new(), key: Key::from_bytes(engine_key) },
    }
}

async fn load_and_watch(engine: &dyn Engine, schema: &Arc<Schema>) -> Result<(State, Watch), Error> {
    for _ in 0..LOAD_ATTEMPTS {
        let state = load(engine, schema).await?;
        if let Ok(watch) = engine.watch(Range::all(), state.seq) {
            return Ok((state, watch));
        }
    }
    Err(Error::Read(crate::engine::ReadError::Compacted))
}

/// Applies the engine's commits to memory until the engine closes.
async fn follow(inner: Arc<Inner>, mut watch: Watch) {
    loop {
        match watch.next().await {
            Ok(batch) => apply(&inner, &batch),
            Err(WatchError::Closed) => return,
            Err(WatchError::Compacted) => match load_and_watch(&*inner.engine, &inner.schema).await {
                Ok((state, next)) => {
                    let seq = state.seq;
                    *inner.state.write() = Arc::new(state);
                    watch = next;
                    // An empty table name stands for "anything": see `Changes::next`.
                    inner.changes.send(Change { table: "", key: crate::key![], seq }).ok();
                    inner.applied.send_replace(seq);
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "loading the state again failed"
                    );
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
            },
        }
    }
}

fn apply(inner: &Inner, batch: &Batch) {
    let mut next = State::clone(&inner.state.read());
    let mut changes = Vec::with_capacity(batch.writes.len());
    for (engine_key, value) in &batch.writes {
        let Some((name, key)) = split_engine_key(engine_key) else { continue };
        let Some(table) = next.tables.get_mut(name) else { continue };
        match value.as_ref().map(|value| (table.kind.decode)(value)) {
            Some(Ok(row)) => table.put(key.clone(), Cell { row, seq: batch.seq }),
            None => table.remove(&key),
            // Only a newer server on the same store can have written it; the old row is stale.
            Some(Err(error)) => {
                tracing::error!(
                    table = name,
                    ?key,
                    error = &error as &dyn std::error::Error,
                    "unreadable row"
                );
                table.remove(&key);
            }
        }
        changes.push(Change { table: table.kind.table, key, seq: batch.seq });
    }
    next.seq = batch.seq;
    *inner.state.write() = Arc::new(next);
    for change in changes {
        // Nobody listening is fine.
        inner.changes.send(change).ok();
    }
    inner.applied.send_replace(batch.seq);
}
