//! `kill -9` at random moments under load: nothing acknowledged is lost, nothing is half there.
//!
//! The parent starts this test binary again with a directory in the environment. The child
//! writes, printing each acknowledgement, until the parent kills it; then the parent opens the
//! directory, checks, and starts the next child on the same data.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::id::SeededIds;
use serde::{Deserialize, Serialize};
use store::engine::EmbeddedEngine;
use store::{Key, Row, Schema, Store, Txn, key};

const DIRECTORY: &str = "LONGSHORE_STORE_CRASH_DIRECTORY";
const WRITERS: usize = 6;
const KILLS: usize = 300;
/// What a slow machine may spend; it then kills less often.
const BUDGET: Duration = Duration::from_secs(40);

/// Every commit writes one number to the three parts of its writer.
#[derive(Clone, Serialize, Deserialize)]
struct Part {
    writer: usize,
    part: usize,
    number: u64,
    filler: String,
}

impl model::Record for Part {}

impl Row for Part {
    const TABLE: &'static str = "test/part";
    fn key(&self) -> Key {
        key![self.writer as u64, self.part as u64]
    }
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        vec![("writer", key![self.writer as u64])]
    }
}

async fn open(directory: &Path) -> Store {
    let engine = EmbeddedEngine::open(directory).await.expect("the engine opens after any crash");
    Store::open(Arc::new(engine), Schema::new().table::<Part>()).await.expect("the tables load")
}

/// The child. Without the environment variable it is an empty test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_writes_until_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let store = open(Path::new(&directory)).await;
    let writers = (0..WRITERS).map(|writer| tokio::spawn(write(store.clone(), writer)));
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("writers end by a failed commit only");
    }
}

/// Commits and prints until a commit fails.
async fn write(store: Store, writer: usize) {
    loop {
        let rows = store.page_by::<Part>("writer", &key![writer as u64], None, 10);
        let number = rows.first().map_or(0, |row| row.number) + 1;
        let filler = "x".repeat((number as usize * 37 + writer) % 9000);
        let parts = (0..3).map(|part| Part { writer, part, number, filler: filler.clone() });
        if store.commit(parts.fold(Txn::new(), |txn, part| txn.put(&part))).await.is_err() {
            return;
        }
        println!("ack {writer} {number}");
    }
}

/// Runs a child for a while and kills it; answers the last number acknowledged to each writer.
fn run_and_kill(directory: &Path, life: Duration, acknowledged: &mut [u64; WRITERS]) -> usize {
    let mut child = Command::new(std::env::current_exe().expect("this binary has a path"))
        .args(["--exact", "child_writes_until_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the child starts");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let reader = std::thread::spawn(move || output.lines().map_while(Result::ok).collect::<Vec<_>>());
    // The moment of the kill is the point: there is no condition to wait for.
    #[allow(clippy::disallowed_methods)]
    std::thread::sleep(life);
    child.kill().expect("the child is ours to kill");
    child.wait().expect("the child ends");
    let mut count = 0;
    for line in reader.join().expect("the reader ends") {
        let mut words = line.split("ack ").nth(1).unwrap_or_default().split(' ');
        let numbers = (words.next().and_then(|w| w.parse().ok()), words.next().and_then(|w| w.parse().ok()));
        if let (Some(writer), Some(number)) = numbers {
            let writer: usize = writer;
            acknowledged[writer] = acknowledged[writer].max(number);
            count += 1;
        }
    }
    count
}

async fn check(directory: &Path, acknowledged: &mut [u64; WRITERS], hint: &str) {
    let store = open(directory).await;
    for (writer, acknowledged) in acknowledged.iter_mut().enumerate() {
        let rows = store.page::<Part>(&key![writer as u64], None, 10);
        let numbers: Vec<u64> = rows.iter().map(|row| row.number).collect();
        let whole = numbers.is_empty() || (numbers.len() == 3 && numbers.iter().all(|n| *n == numbers[0]));
        assert!(whole, "{hint}: a commit is half there: {numbers:?}");
        let found = numbers.first().copied().unwrap_or(0);
        assert!(found >= *acknowledged, "{hint}: {acknowledged} was acknowledged, {found} is there");
        // One commit at a time: at most the one that was not acknowledged yet is there too.
        assert!(found <= *acknowledged + 1, "{hint}: {found} is there, {acknowledged} acknowledged");
        *acknowledged = found;
    }
    store.close().await;
}

#[tokio::test]
async fn killing_at_any_moment_loses_nothing_acknowledged() {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64);
    println!("seed {seed}");
    let mut dice = SeededIds::new(seed);
    let began = Instant::now();
    let (mut kills, mut commits) = (0, 0);
    // Several directories, so that creation is interrupted too.
    while kills < KILLS && began.elapsed() < BUDGET {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut acknowledged = [0; WRITERS];
        for _ in 0..20 {
            let life = Duration::from_micros(dice.next_u64() % 60_000);
            commits += run_and_kill(directory.path(), life, &mut acknowledged);
            kills += 1;
            check(directory.path(), &mut acknowledged, &format!("seed {seed}, kill {kills}")).await;
        }
    }
    println!("{kills} kills, {commits} commits acknowledged");
    assert!(commits > kills, "the children did some work");
}
