//! `kill -9` at random moments of ingestion: no acknowledged event is lost, none is doubled.
//!
//! The parent starts this test binary again with a directory in the environment. The child ships
//! numbered events as a node's shipper does (from the offset that the store still wants, sometimes
//! twice), with tables and log files so small that segments are written and joined all the time.
//! It prints every acknowledgement until the parent kills it; then the parent opens the store,
//! checks, and starts the next child on the same data.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::Timestamp;
use model::id::SeededIds;
use model::logs::{LogGroupId, LogStreamId};
use store::engine::EmbeddedEngine;
use store::{Blobs, Schema, Store};
use telemetry::{Batch, Direction, Error, Event, Logs, Options, Query, Source};

const DIRECTORY: &str = "LONGSHORE_LOGS_CRASH_DIRECTORY";
const SEED: &str = "LONGSHORE_LOGS_CRASH_SEED";
const WRITERS: u64 = 4;
const KILLS: usize = 200;
/// What a slow machine may spend; it then kills less often.
const BUDGET: Duration = Duration::from_secs(45);

async fn open(directory: &Path) -> (Logs, Store) {
    let engine = EmbeddedEngine::open(&directory.join("state")).await.unwrap();
    let store = Store::open(Arc::new(engine), telemetry::tables(Schema::new())).await.unwrap();
    let blobs = Blobs::open(&directory.join("blobs")).await.unwrap();
    let options = Options {
        memtable_bytes: 96 << 10,
        wal_bytes: 64 << 10,
        fan_in: 3,
        ..Options::new(directory.join("wal"))
    };
    let logs = Logs::open(options, store.clone(), blobs).await.expect("the store opens after any crash");
    (logs, store)
}

fn group(writer: u64) -> LogGroupId {
    LogGroupId::from_bits(u128::from(writer % 2))
}

fn batch(writer: u64, from: u64, to: u64) -> Batch {
    let event = |n: u64| Event {
        timestamp: Timestamp::from_millis(n as i64),
        message: format!("{writer} {n} {}", "x".repeat((n * 31 % 120) as usize)),
    };
    Batch {
        group: group(writer),
        stream: LogStreamId::from_bits(u128::from(writer)),
        ingested_at: Timestamp::from_millis(1),
        source: Some(Source { id: format!("spool-{writer}"), offset: from, next: to }),
        events: (from..to).map(event).collect(),
    }
}

/// The child. Without the environment variable it is an empty test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_ships_until_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let (logs, _store) = open(Path::new(&directory)).await;
    let logs = Arc::new(logs);
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(ship(Arc::clone(&logs), writer))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn ship(logs: Arc<Logs>, writer: u64) {
    let mut from = logs.source_offset(&format!("spool-{writer}")).unwrap_or(0);
    loop {
        let to = from + 1 + from * 7 % 40;
        match logs.append(batch(writer, from, to)).await {
            Ok(_) => println!("ack {writer} {to}"),
            Err(Error::Throttled) => {
                tokio::task::yield_now().await;
                continue;
            }
            Err(error) => panic!("{error}"),
        }
        if to.is_multiple_of(3) {
            // An answer that got lost on its way is followed by the same batch again.
            let _ = logs.append(batch(writer, from, to)).await;
        }
        from = to;
    }
}

/// Runs a child for a while and kills it; remembers how far each writer was acknowledged.
fn run_and_kill(directory: &Path, life: Duration, acknowledged: &mut BTreeMap<u64, u64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_ships_until_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || output.lines().map_while(Result::ok).collect::<Vec<_>>());
    // The moment of the kill is the point: there is no condition to wait for.
    #[allow(clippy::disallowed_methods)]
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in reader.join().unwrap() {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["ack", writer, to] = words[..] {
            acknowledged.insert(writer.parse().unwrap(), to.parse().unwrap());
        }
    }
}

/// Checks every event from number `floor` on; answers how many each writer has.
async fn check(directory: &Path, floor: u64, acknowledged: &BTreeMap<u64, u64>) -> BTreeMap<u64, u64> {
    let (logs, store) = open(directory).await;
    let mut next: BTreeMap<u64, u64> = (0..WRITERS).map(|writer| (writer, floor)).collect();
    for parity in 0..2 {
        let mut query = Query {
            group: group(parity),
            streams: Arc::new(|_| true),
            start: Some(Timestamp::from_millis(floor as i64)),
            end: None,
            direction: Direction::Ascending,
            after: None,
            arrived: None,
            predicate: None,
            limit: 10_000,
            max_bytes: u64::MAX,
        };
        loop {
            let page = logs.select(&query).await.unwrap();
            for entry in &page.entries {
                let mut words = entry.message.split(' ').map(|word| word.parse::<u64>());
                let (Some(Ok(writer)), Some(Ok(number))) = (words.next(), words.next()) else {
                    panic!("{entry:?}")
                };
                let expected = next.get_mut(&writer).unwrap();
                assert_eq!(number, *expected, "writer {writer}: lost or doubled");
                *expected += 1;
            }
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
    }
    for (writer, to) in acknowledged {
        assert!(next[writer] >= *to, "writer {writer}: {to} acknowledged, {} stored", next[writer]);
        assert_eq!(logs.source_offset(&format!("spool-{writer}")), Some(next[writer]));
    }
    logs.close().await;
    drop(logs);
    store.close().await;
    next
}

#[test]
fn acknowledged_events_survive_any_kill_exactly_once() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = std::env::var(SEED).ok().and_then(|s| s.parse().ok()).unwrap_or(now.as_nanos() as u64);
    println!("{SEED}={seed}");
    let mut random = SeededIds::new(seed);
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut acknowledged = BTreeMap::new();
    let (begin, mut kills, mut floor) = (Instant::now(), 0, 0);
    while kills < KILLS && begin.elapsed() < BUDGET {
        run_and_kill(
            directory.path(),
            Duration::from_millis(20 + random.next_u64() % 120),
            &mut acknowledged,
        );
        let stored = runtime.block_on(check(directory.path(), floor, &acknowledged));
        floor = stored.values().copied().min().unwrap();
        kills += 1;
    }
    let stored = runtime.block_on(check(directory.path(), 0, &acknowledged));
    println!("{kills} kills, {} events", stored.values().sum::<u64>());
    assert!(floor > 0, "the children never got to ship anything");
}
