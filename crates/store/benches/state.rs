//! What the state store costs: grouped commits on the disk, reads, snapshots, loading.
//!
//! Run with `cargo bench -p store --bench state [directory]`; it works in a subdirectory of that, which
//! it empties. Each line is one figure.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use store::engine::EmbeddedEngine;
use store::{Key, Row, Schema, Store, Txn, key};

const ROWS: u64 = 100_000;

#[derive(Clone, Serialize, Deserialize)]
struct Task {
    cluster: String,
    number: u64,
    containers: Vec<Container>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Container {
    name: String,
    image: String,
    last_status: String,
    environment: Vec<(String, String)>,
}

impl model::Record for Task {}

impl Row for Task {
    const TABLE: &'static str = "bench/task";
    fn key(&self) -> Key {
        key![self.cluster, self.number]
    }
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        vec![("number", key![self.number % 100])]
    }
}

/// A row of about 2 KB in its stored form.
fn task(number: u64) -> Task {
    let container = |name: &str| Container {
        name: name.to_owned(),
        image: "123456789012.dkr.ecr.us-east-2.amazonaws.com/web:latest".to_owned(),
        last_status: "RUNNING".to_owned(),
        environment: (0..18)
            .map(|n| (format!("VARIABLE_{n}"), "a value of some length".to_owned()))
            .collect(),
    };
    Task { cluster: "bench".to_owned(), number, containers: vec![container("app"), container("sidecar")] }
}

fn main() -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

async fn run() -> Result<()> {
    // Cargo passes `--bench` too.
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let parent = given.map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = parent.join("longshore-bench-state");
    std::fs::remove_dir_all(&directory).ok();
    let store = open(&directory).await?;
    for clients in [1, 8, 64, 256] {
        let began = Instant::now();
        let each = if clients == 1 { 500 } else { 8000 / clients };
        let workers = (0..clients).map(|client| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..each {
                    store.commit(Txn::new().put(&task(client * each + n))).await?;
                }
                Ok::<_, store::Error>(())
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await??;
        }
        println!(
            "commits/s, {clients} clients: {:.0}",
            (clients * each) as f64 / began.elapsed().as_secs_f64()
        );
    }
    let began = Instant::now();
    for start in (0..ROWS).step_by(100) {
        let txn = (start..start + 100).fold(Txn::new(), |txn, number| txn.put(&task(number)));
        store.commit(txn).await?;
    }
    println!("rows/s, 100 a commit: {:.0}", ROWS as f64 / began.elapsed().as_secs_f64());
    let began = Instant::now();
    let found = (0..ROWS).filter(|n| store.get::<Task>(&key!["bench", *n]).is_some()).count();
    println!("ns/get: {:.0} ({found} found)", began.elapsed().as_nanos() as f64 / ROWS as f64);
    store.close().await;
    drop(store);
    let began = Instant::now();
    let store = open(&directory).await?;
    println!("open and load {} rows: {} ms", store.count::<Task>(&key![]), began.elapsed().as_millis());
    println!("bytes a row: {}", model::Record::encode(&task(1)).len());
    store.close().await;
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

async fn open(directory: &std::path::Path) -> Result<Store> {
    let engine = Arc::new(EmbeddedEngine::open(directory).await?);
    Ok(Store::open(engine, Schema::new().table::<Task>()).await?)
}
