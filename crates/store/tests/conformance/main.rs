//! The suite that every engine must pass, and the engines that do.
//!
//! An engine is tested through [`suite::Subject`], which also knows how to close and reopen
//! it. What only a durable engine can promise is asked of durable ones.

#![allow(clippy::unwrap_used, reason = "the suite's functions are tests, called by the macro below")]

mod suite;

use std::sync::Arc;

use store::engine::{EmbeddedEngine, Engine, MemoryEngine};
use store::{Error, Schema, Store};
use suite::Subject;
use tempfile::TempDir;

struct Memory;

#[async_trait::async_trait]
impl Subject for Memory {
    async fn open(&self) -> Arc<dyn Engine> {
        Arc::new(MemoryEngine::new())
    }
    fn is_durable(&self) -> bool {
        false
    }
}

struct Embedded(TempDir);

impl Embedded {
    fn new() -> Self {
        Embedded(tempfile::tempdir().expect("a temporary directory"))
    }
}

#[async_trait::async_trait]
impl Subject for Embedded {
    async fn open(&self) -> Arc<dyn Engine> {
        Arc::new(EmbeddedEngine::open(self.0.path()).await.expect("the directory opens"))
    }
    fn is_durable(&self) -> bool {
        true
    }
}

macro_rules! every_engine {
    ($($test:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::suite::$test(&super::Memory).await;
            })*
        }
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::suite::$test(&super::Embedded::new()).await;
            })*
        }
    };
}

every_engine![
    expectations_guard_a_commit,
    a_commit_without_writes_only_checks,
    limits_are_refused_before_anything_is_written,
    a_scan_shows_one_state,
    pages_are_bounded_and_complete,
    a_watch_is_gap_free_or_compacted,
    concurrent_commits_are_serial,
    agrees_with_a_model,
    what_was_acknowledged_survives_reopening,
    a_closed_engine_refuses_commits,
];

#[tokio::test]
async fn a_second_opener_is_refused() {
    let subject = Embedded::new();
    let first = subject.open().await;
    let second = EmbeddedEngine::open(subject.0.path()).await;
    assert!(matches!(second, Err(Error::Locked { .. })));
    first.close().await;
    EmbeddedEngine::open(subject.0.path()).await.expect("the lock is released at close");
}

#[tokio::test]
async fn dropping_the_engine_releases_the_directory() {
    let subject = Embedded::new();
    let store = Store::open(subject.open().await, Schema::new()).await.expect("opens");
    store.close().await;
    drop(store);
    drop(subject.open().await);
    subject.open().await;
}
