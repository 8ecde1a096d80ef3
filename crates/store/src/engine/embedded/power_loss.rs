//! Tests of the embedded engine on a simulated disk that loses power, tears writes and fills up.
//!
//! The disk keeps what was synced apart from what was only written. Losing power keeps the
//! synced image and, by a seeded coin, some of the later writes, whole or torn at a sector.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use model::id::SeededIds;
use parking_lot::Mutex;
use redb::StorageBackend;

use super::EmbeddedEngine;
use super::file::{Cause, database_builder};
use crate::engine::{Commit, CommitError, Engine, Range, Seq};

const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platters>>);

#[derive(Debug, Default)]
struct Platters {
    synced: Vec<u8>,
    current: Vec<u8>,
    pending: Vec<(usize, Vec<u8>)>,
    /// What may still be written; `None` without limit.
    room: Option<usize>,
    /// How many operations until the power goes; `None` for never.
    fuse: Option<u64>,
    /// Whether syncing fails.
    broken: bool,
}

impl Platters {
    fn is_dead(&self) -> bool {
        self.fuse == Some(0)
    }

    /// Burns the fuse by one operation.
    fn operate(&mut self) -> io::Result<()> {
        if self.is_dead() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.fuse = self.fuse.map(|left| left - 1);
        Ok(())
    }
}

impl Disk {
    /// The disk as it may look when power returns.
    fn after_power_loss(&self, dice: &mut SeededIds) -> Disk {
        let platters = self.0.lock();
        assert!(platters.is_dead(), "the power is still there");
        let mut image = platters.synced.clone();
        // The length is metadata: a journal may have kept it or not.
        if dice.next_u64().is_multiple_of(2) {
            image.resize(platters.current.len().max(image.len()), 0);
        }
        for (offset, bytes) in &platters.pending {
            let kept = match dice.next_u64() % 3 {
                0 => 0,
                1 => bytes.len(),
                _ => dice.next_u64() as usize % (bytes.len() / SECTOR + 1) * SECTOR,
            };
            let end = (offset + kept).min(image.len());
            if end > *offset {
                image[*offset..end].copy_from_slice(&bytes[..end - offset]);
            }
        }
        let fresh = Platters { synced: image.clone(), current: image, ..Platters::default() };
        Disk(Arc::new(Mutex::new(fresh)))
    }

    fn engine(&self) -> EmbeddedEngine {
        self.try_engine().expect("the disk holds a readable state")
    }

    fn try_engine(&self) -> Result<EmbeddedEngine, Cause> {
        let disk = self.clone();
        EmbeddedEngine::start(Box::new(move || database_builder().create_with_backend(disk.clone())))
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platters = self.0.lock();
        let offset = offset as usize;
        let found = platters.current.get(offset..offset + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut platters = self.0.lock();
        platters.operate()?;
        platters.current.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platters = self.0.lock();
        platters.operate()?;
        if platters.broken {
            return Err(io::Error::other("the disk does not answer"));
        }
        platters.synced = platters.current.clone();
        platters.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platters = self.0.lock();
        platters.operate()?;
        if let Some(room) = platters.room {
            platters.room = Some(room.saturating_sub(data.len()));
            if room < data.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        let offset = offset as usize;
        platters.current[offset..offset + data.len()].copy_from_slice(data);
        platters.pending.push((offset, data.to_vec()));
        Ok(())
    }
}

fn write(pairs: &[(String, String)]) -> Commit {
    let writes =
        pairs.iter().map(|(key, value)| (Bytes::from(key.clone()), Some(Bytes::from(value.clone()))));
    Commit { expectations: vec![], writes: writes.collect() }
}

async fn contents(engine: &EmbeddedEngine) -> BTreeMap<String, String> {
    let mut cursor = engine.scan(Range::all()).await.expect("readable");
    let mut found = BTreeMap::new();
    loop {
        let page = cursor.next(1000).await.expect("readable");
        if page.is_empty() {
            return found;
        }
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        found.extend(page.iter().map(|entry| (text(&entry.key), text(&entry.value))));
    }
}

/// Each commit writes the same number to three keys, so that a torn one shows.
fn numbered(writer: usize, number: usize) -> Commit {
    let filler = "x".repeat(number % 7 * 700);
    let pair = |part: &str| (format!("{writer}/{part}"), format!("{number}:{filler}"));
    write(&[pair("a"), pair("b"), pair("c")])
}

/// Checks what a disk holds after a loss of power: each writer's number, not before the acknowledged.
async fn check(engine: &EmbeddedEngine, acknowledged: &mut [usize; 3], seed: u64) {
    let found = contents(engine).await;
    for (writer, acknowledged) in acknowledged.iter_mut().enumerate() {
        let number = |part: &str| {
            let value = found.get(&format!("{writer}/{part}"));
            value.map_or(0, |value| value.split(':').next().unwrap().parse().unwrap())
        };
        let numbers: [usize; 3] = [number("a"), number("b"), number("c")];
        assert!(numbers.iter().all(|n| *n == numbers[0]), "seed {seed}: torn commit {numbers:?}");
        assert!(numbers[0] >= *acknowledged, "seed {seed}: lost {acknowledged}, found {numbers:?}");
        *acknowledged = numbers[0];
    }
}

/// Several losses of power in a row; answers how many commits were acknowledged.
async fn lose_power(seed: u64) -> usize {
    let mut dice = SeededIds::new(seed);
    let mut disk = Disk::default();
    drop(disk.engine());
    let mut acknowledged = [0; 3];
    for _ in 0..6 {
        // A short fuse also interrupts recovery.
        let length = if dice.next_u64().is_multiple_of(3) { 12 } else { 300 };
        disk.0.lock().fuse = Some(1 + dice.next_u64() % length);
        if let Ok(engine) = disk.try_engine() {
            let engine = Arc::new(engine);
            check(&engine, &mut acknowledged, seed).await;
            let writers = (0..3).map(|writer| {
                let (engine, mut done) = (engine.clone(), acknowledged[writer]);
                tokio::spawn(async move {
                    while engine.commit(numbered(writer, done + 1)).await.is_ok() {
                        done += 1;
                    }
                    done
                })
            });
            for (writer, handle) in writers.collect::<Vec<_>>().into_iter().enumerate() {
                acknowledged[writer] = handle.await.expect("writers do not panic");
            }
        }
        disk = disk.after_power_loss(&mut dice);
    }
    check(&disk.engine(), &mut acknowledged, seed).await;
    acknowledged.iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losing_power_loses_no_acknowledged_commit() {
    let mut commits = 0;
    for seed in 0..150 {
        commits += lose_power(seed).await;
    }
    assert!(commits > 5000, "only {commits} commits were acknowledged");
}

#[tokio::test]
async fn a_full_disk_refuses_commits_until_there_is_room() {
    let disk = Disk::default();
    let engine = disk.engine();
    let first = engine.commit(numbered(0, 1)).await.unwrap();
    let mut watch = engine.watch(Range::all(), first).unwrap();
    for room in [0, 3000, 5000, 9000, 20_000] {
        disk.0.lock().room = Some(room);
        let mut failed = false;
        for number in 2..40 {
            failed |= matches!(engine.commit(numbered(0, number)).await, Err(CommitError::Unavailable(_)));
        }
        assert!(failed, "{room} bytes cannot hold it all");
        disk.0.lock().room = None;
        // It takes the pause between attempts until it works again.
        let mut attempts = 0;
        while engine.commit(numbered(0, 1)).await.is_err() {
            attempts += 1;
            assert!(attempts < 500, "commits work again");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    let found = contents(&engine).await;
    assert!(found.values().all(|value| value.starts_with("1:")));
    // The watch is gap-free or says so; and what it gave is on the disk.
    let last = engine.shared.log.last();
    let mut seen = first;
    while seen < last {
        match watch.next().await {
            Ok(batch) => {
                assert_eq!(batch.seq, Seq(seen.0 + 1));
                seen = batch.seq;
            }
            Err(_) => break,
        }
    }
    engine.close().await;
    assert_eq!(contents(&disk.engine()).await, found);
}

#[tokio::test]
async fn after_an_io_error_nothing_more_is_acknowledged() {
    let disk = Disk::default();
    let engine = disk.engine();
    engine.commit(numbered(0, 1)).await.unwrap();
    disk.0.lock().broken = true;
    assert!(engine.commit(numbered(0, 2)).await.is_err());
    disk.0.lock().broken = false;
    assert!(engine.commit(numbered(0, 3)).await.is_err());
    drop(engine);
    assert!(contents(&disk.engine()).await["0/a"].starts_with(['1', '2']));
}
