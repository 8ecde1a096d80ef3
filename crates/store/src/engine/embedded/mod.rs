//! The durable engine of one machine: a redb file with grouped commits.
//!
//! All commits pass a bounded queue to one writer thread, which checks expectations one commit
//! after the other, writes as many as are waiting in one transaction and answers after its fsync.
//! The directory is locked: one process at a time. When the disk is full commits fail, the file
//! is opened anew from its last good state, and commits work again once there is room. See
//! `docs/decisions/embedded-engine.md`.

mod file;
#[cfg(test)]
mod power_loss;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::{Commit, CommitError, Compacted, Cursor, Engine, Entry, Range, ReadError, Seq, Watch};
use crate::error::Error;
use crate::limit::MAX_PAGE;

use file::{Opener, Rows, Shared, decode_value};
use writer::Job;

/// How many commits may wait for the writer; more wait in their callers.
const QUEUE: usize = 1024;

/// The embedded engine. Dropping it writes what was accepted and releases the directory.
pub struct EmbeddedEngine {
    shared: Arc<Shared>,
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl EmbeddedEngine {
    /// Opens (and makes, where missing) the engine in `directory`.
    ///
    /// Fails with [`Error::Locked`] while another engine, in this process or another, has it open.
    pub async fn open(directory: &Path) -> Result<EmbeddedEngine, Error> {
        let directory = directory.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let opener = file::directory_opener(&directory)?;
            EmbeddedEngine::start(opener).map_err(|source| file::open_error(&directory, source))
        });
        opened.await.map_err(|error| Error::Unavailable(error.into()))?
    }

    fn start(opener: Opener) -> Result<EmbeddedEngine, Box<dyn std::error::Error + Send + Sync>> {
        let shared = Arc::new(Shared::open(opener)?);
        let (queue, jobs) = mpsc::channel(QUEUE);
        let writing = shared.clone();
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer::run(&writing, jobs))?;
        Ok(EmbeddedEngine { shared, queue: Mutex::new(Some(queue)), writer: Mutex::new(Some(writer)) })
    }
}

impl Drop for EmbeddedEngine {
    fn drop(&mut self) {
        self.queue.get_mut().take();
        if let Some(writer) = self.writer.get_mut().take() {
            // It needs no runtime and has at most a queue of commits to write.
            writer.join().ok();
        }
    }
}

#[async_trait]
impl Engine for EmbeddedEngine {
    async fn get(&self, key: &[u8]) -> Result<Option<Entry>, ReadError> {
        let (shared, key) = (self.shared.clone(), key.to_vec());
        reading(move || {
            let (table, ..) = shared.read()?;
            let found = table.get(key.as_slice()).map_err(unavailable)?;
            Ok(found.and_then(|value| decode_value(&key, value.value())))
        })
        .await
    }

    async fn scan(&self, range: Range) -> Result<Box<dyn Cursor>, ReadError> {
        let shared = self.shared.clone();
        let (table, seq, generation) = reading({
            let shared = shared.clone();
            move || shared.read()
        })
        .await?;
        Ok(Box::new(FileCursor { shared, table: Arc::new(table), seq, generation, range }))
    }

    async fn commit(&self, commit: Commit) -> Result<Seq, CommitError> {
        commit.check().map_err(CommitError::TooLarge)?;
        let closed = || CommitError::Unavailable("the engine is closed".into());
        let queue = self.queue.lock().clone().ok_or_else(closed)?;
        let (reply, answer) = oneshot::channel();
        queue.send(Job { commit, reply }).await.map_err(|_| closed())?;
        drop(queue);
        answer.await.map_err(|_| closed())?
    }

    fn watch(&self, range: Range, after: Seq) -> Result<Watch, Compacted> {
        self.shared.log.watch(range, after)
    }

    async fn close(&self) {
        self.queue.lock().take();
        let writer = self.writer.lock().take();
        if let Some(writer) = writer {
            tokio::task::spawn_blocking(move || writer.join().ok()).await.ok();
        }
    }
}

struct FileCursor {
    shared: Arc<Shared>,
    table: Arc<Rows>,
    seq: Seq,
    generation: u64,
    range: Range,
}

#[async_trait]
impl Cursor for FileCursor {
    fn seq(&self) -> Seq {
        self.seq
    }

    async fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let (shared, table, generation) = (self.shared.clone(), self.table.clone(), self.generation);
        let (range, limit) = (self.range.clone(), limit.min(MAX_PAGE));
        let page = reading(move || shared.still(generation, || page(&table, &range, limit))).await?;
        if let Some(last) = page.last() {
            // The smallest key after `last`.
            self.range.start = [&last.key[..], &[0]].concat();
        }
        Ok(page)
    }
}

fn page(table: &Rows, range: &Range, limit: usize) -> Result<Vec<Entry>, ReadError> {
    let mut page = Vec::new();
    for found in table.range(range.start.as_slice()..).map_err(unavailable)?.take(limit) {
        let (key, value) = found.map_err(unavailable)?;
        if !range.contains(key.value()) {
            break;
        }
        page.extend(decode_value(key.value(), value.value()));
    }
    Ok(page)
}

/// Runs blocking reads off the runtime's threads.
async fn reading<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ReadError::Unavailable(error.into())))
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> ReadError {
    ReadError::Unavailable(error.into())
}
