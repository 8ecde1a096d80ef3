//! The promises of [`Engine`], one test each.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use model::id::SeededIds;
use store::engine::{Commit, CommitError, Engine, Range, WatchError};
use store::{Expect, Limit, MAX_PAGE, Seq};

/// An engine under test.
#[async_trait]
pub trait Subject: Sync {
    /// Opens the engine; again after a close, with what was in it if it is durable.
    async fn open(&self) -> Arc<dyn Engine>;
    /// Whether a reopened engine has what was committed.
    fn is_durable(&self) -> bool;
}

type State = BTreeMap<Bytes, (Bytes, Seq)>;

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn put(key: &str, value: &str) -> Commit {
    Commit { expectations: vec![], writes: [(bytes(key), Some(bytes(value)))].into() }
}

fn delete(key: &str) -> Commit {
    Commit { expectations: vec![], writes: [(bytes(key), None)].into() }
}

fn expecting(mut commit: Commit, key: &str, expect: Expect) -> Commit {
    commit.expectations.push((bytes(key), expect));
    commit
}

async fn contents(engine: &dyn Engine, range: Range) -> (Seq, State) {
    let mut cursor = engine.scan(range).await.expect("a scan begins");
    let mut state = State::new();
    loop {
        let page = cursor.next(7).await.expect("a page");
        if page.is_empty() {
            return (cursor.seq(), state);
        }
        state.extend(page.into_iter().map(|entry| (entry.key, (entry.value, entry.seq))));
    }
}

fn is_conflict(result: &Result<Seq, CommitError>, on: &str) -> bool {
    matches!(result, Err(CommitError::Conflict { key, .. }) if *key == bytes(on))
}

pub async fn expectations_guard_a_commit(subject: &dyn Subject) {
    let engine = subject.open().await;
    let first = engine.commit(expecting(put("a", "1"), "a", Expect::Absent)).await.unwrap();
    assert!(is_conflict(&engine.commit(expecting(put("a", "x"), "a", Expect::Absent)).await, "a"));
    assert!(is_conflict(&engine.commit(expecting(put("b", "x"), "c", Expect::Any)).await, "c"));
    let second = engine.commit(expecting(put("a", "2"), "a", Expect::Seq(first))).await.unwrap();
    assert!(second > first);
    assert!(is_conflict(&engine.commit(expecting(put("a", "3"), "a", Expect::Seq(first))).await, "a"));
    // One failed expectation among several leaves everything as it was.
    let mixed = expecting(expecting(put("d", "x"), "a", Expect::Any), "a", Expect::Absent);
    assert!(is_conflict(&engine.commit(mixed).await, "a"));
    engine.commit(delete("a")).await.unwrap();
    engine.commit(expecting(put("a", "4"), "a", Expect::Absent)).await.unwrap();
    let (_, state) = contents(&*engine, Range::all()).await;
    assert_eq!(state.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(engine.get(b"a").await.unwrap().unwrap().value, "4");
    assert_eq!(engine.get(b"b").await.unwrap(), None);
}

pub async fn a_commit_without_writes_only_checks(subject: &dyn Subject) {
    let engine = subject.open().await;
    let seq = engine.commit(put("a", "1")).await.unwrap();
    let check = |expect| expecting(Commit::default(), "a", expect);
    assert_eq!(engine.commit(check(Expect::Seq(seq))).await.unwrap(), seq);
    assert!(is_conflict(&engine.commit(check(Expect::Absent)).await, "a"));
    assert_eq!(engine.commit(Commit::default()).await.unwrap(), seq);
}

pub async fn limits_are_refused_before_anything_is_written(subject: &dyn Subject) {
    let engine = subject.open().await;
    let many = |count: usize| Commit {
        expectations: vec![],
        writes: (0..count).map(|n| (bytes(&format!("{n:04}")), Some(Bytes::new()))).collect(),
    };
    let refused = |result| matches!(result, Err(CommitError::TooLarge(_)));
    assert!(refused(engine.commit(many(101)).await));
    assert!(refused(engine.commit(put("k", &"v".repeat(1 << 20))).await));
    let long = engine.commit(put(&"k".repeat(1025), "")).await;
    assert!(matches!(long, Err(CommitError::TooLarge(Limit::KeyLength(1025)))));
    assert!(contents(&*engine, Range::all()).await.1.is_empty());
    engine.commit(many(100)).await.unwrap();
    engine.commit(put(&"k".repeat(1024), &"v".repeat((1 << 20) - 1024))).await.unwrap();
}

pub async fn a_scan_shows_one_state(subject: &dyn Subject) {
    let engine = subject.open().await;
    for n in 0..10 {
        engine.commit(put(&format!("k{n}"), "old")).await.unwrap();
    }
    let mut cursor = engine.scan(Range::prefix(b"k")).await.unwrap();
    let mut values = cursor.next(3).await.unwrap();
    for n in 0..10 {
        engine
            .commit(if n % 2 == 0 { delete(&format!("k{n}")) } else { put(&format!("k{n}"), "new") })
            .await
            .unwrap();
    }
    while let page @ [_, ..] = &cursor.next(3).await.unwrap()[..] {
        values.extend_from_slice(page);
    }
    assert_eq!(values.len(), 10);
    assert!(values.iter().all(|entry| entry.value == "old" && entry.seq <= cursor.seq()));
}

pub async fn pages_are_bounded_and_complete(subject: &dyn Subject) {
    let engine = subject.open().await;
    for hundred in 0..11 {
        let writes = (0..100).map(|n| (bytes(&format!("k{:05}", hundred * 100 + n)), Some(Bytes::new())));
        engine.commit(Commit { expectations: vec![], writes: writes.collect() }).await.unwrap();
    }
    engine.commit(put("l", "")).await.unwrap();
    let mut cursor = engine.scan(Range::prefix(b"k")).await.unwrap();
    let first = cursor.next(usize::MAX).await.unwrap();
    let second = cursor.next(usize::MAX).await.unwrap();
    assert_eq!((first.len(), second.len()), (MAX_PAGE, 100));
    assert!(cursor.next(10).await.unwrap().is_empty());
    assert!(first.is_sorted_by(|a, b| a.key < b.key) && first[999].key < second[0].key);
}

pub async fn a_watch_is_gap_free_or_compacted(subject: &dyn Subject) {
    let engine = subject.open().await;
    let start = engine.commit(put("a", "0")).await.unwrap();
    let mut all = engine.watch(Range::all(), start).unwrap();
    let mut only_b = engine.watch(Range::prefix(b"b"), start).unwrap();
    let a = engine.commit(put("a", "1")).await.unwrap();
    let both =
        Commit { expectations: vec![], writes: [(bytes("a"), None), (bytes("b"), Some(bytes("2")))].into() };
    let both = engine.commit(both).await.unwrap();
    assert_eq!(all.next().await.unwrap().seq, a);
    assert_eq!(all.next().await.unwrap().writes.len(), 2);
    let seen = only_b.next().await.unwrap();
    assert_eq!((seen.seq, &seen.writes[..]), (both, &[(bytes("b"), Some(bytes("2")))][..]));
    // A watch from the past reports the same, once enough is kept.
    let mut late = engine.watch(Range::all(), start).unwrap();
    assert_eq!(late.next().await.unwrap().seq, a);
    // One that falls far behind is told so, and so is who asks for what is gone.
    for _ in 0..24 {
        engine.commit(put("a", &"x".repeat(1 << 19))).await.unwrap();
        engine.commit(put("b", &"x".repeat(1 << 19))).await.unwrap();
    }
    assert_eq!(late.next().await, Err(WatchError::Compacted));
    assert!(engine.watch(Range::all(), start).is_err());
}

pub async fn concurrent_commits_are_serial(subject: &dyn Subject) {
    let engine = subject.open().await;
    engine.commit(put("counter", "0")).await.unwrap();
    let workers = (0..8).map(|_| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let mut seqs = Vec::new();
            while seqs.len() < 25 {
                let read = engine.get(b"counter").await.unwrap().unwrap();
                let number: u32 = String::from_utf8_lossy(&read.value).parse().unwrap();
                let next = put("counter", &(number + 1).to_string());
                match engine.commit(expecting(next, "counter", Expect::Seq(read.seq))).await {
                    Ok(seq) => seqs.push(seq),
                    Err(error) => assert!(matches!(error, CommitError::Conflict { .. })),
                }
            }
            seqs
        })
    });
    let mut seqs = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        seqs.extend(worker.await.unwrap());
    }
    assert_eq!(engine.get(b"counter").await.unwrap().unwrap().value, "200");
    seqs.sort();
    seqs.dedup();
    assert_eq!(seqs.len(), 200, "each commit has a number of its own");
}

fn random_commit(dice: &mut SeededIds, state: &State) -> Commit {
    let mut key = || bytes(&format!("k{}", dice.next_u64() % 12));
    let keys: Vec<Bytes> = (0..6).map(|_| key()).collect();
    let mut commit = Commit::default();
    for key in &keys[..(dice.next_u64() % 3) as usize] {
        let held = state.get(key).map(|(_, seq)| *seq);
        let expect = match (dice.next_u64() % 8, held) {
            (0, _) => Expect::Absent,
            (1, _) => Expect::Any,
            (2, _) => Expect::Seq(Seq(dice.next_u64() % 50)),
            (_, Some(seq)) => Expect::Seq(seq),
            (_, None) => Expect::Absent,
        };
        commit.expectations.push((key.clone(), expect));
    }
    for key in &keys[3..3 + (dice.next_u64() % 4) as usize] {
        let value = (!dice.next_u64().is_multiple_of(3)).then(|| bytes(&dice.next_u64().to_string()));
        commit.writes.insert(key.clone(), value);
    }
    commit
}

pub async fn agrees_with_a_model(subject: &dyn Subject) {
    let mut engine = subject.open().await;
    let (mut model, mut last) = (State::new(), Seq(0));
    let mut dice = SeededIds::new(7);
    let mut watch = engine.watch(Range::all(), last).unwrap();
    let mut followed = BTreeMap::new();
    for step in 0..600 {
        let commit = random_commit(&mut dice, &model);
        let holds = |(key, expect): &(Bytes, Expect)| expect.is_met_by(model.get(key).map(|(_, seq)| *seq));
        let expected = commit.expectations.iter().all(holds);
        let answer = engine.commit(commit.clone()).await;
        assert_eq!(answer.is_ok(), expected, "step {step}: {commit:?} gave {answer:?}");
        let Ok(seq) = answer else { continue };
        assert!(if commit.writes.is_empty() { seq == last } else { seq > last }, "step {step}");
        last = seq;
        if !commit.writes.is_empty() {
            let batch = watch.next().await.unwrap();
            assert_eq!(batch.seq, seq, "step {step}");
            followed.extend(batch.writes.iter().cloned());
        }
        for (key, value) in commit.writes {
            match value {
                Some(value) => model.insert(key, (value, seq)),
                None => model.remove(&key),
            };
        }
        if step % 97 == 0 {
            assert_eq!(contents(&*engine, Range::all()).await, (last, model.clone()), "step {step}");
            let live: Vec<_> =
                followed.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))).collect();
            assert_eq!(live, model.iter().map(|(key, (value, _))| (key, value)).collect::<Vec<_>>());
        }
        if step % 150 == 149 && subject.is_durable() {
            engine.close().await;
            engine = subject.open().await;
            watch = engine.watch(Range::all(), last).unwrap();
        }
    }
}

pub async fn what_was_acknowledged_survives_reopening(subject: &dyn Subject) {
    if !subject.is_durable() {
        return;
    }
    let engine = subject.open().await;
    let commits = (0..64).map(|n| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.commit(put(&format!("k{n}"), "v")).await })
    });
    let commits: Vec<_> = commits.collect();
    tokio::task::yield_now().await;
    // Closing writes what was accepted and refuses the rest.
    engine.close().await;
    let mut kept = 0;
    for commit in commits {
        kept += usize::from(commit.await.unwrap().is_ok());
    }
    drop(engine);
    let engine = subject.open().await;
    let (seq, state) = contents(&*engine, Range::all()).await;
    assert_eq!(state.len(), kept);
    assert_eq!(seq, Seq(kept as u64));
    assert!(engine.watch(Range::all(), seq).is_ok());
    assert!(seq == Seq(0) || engine.watch(Range::all(), Seq(0)).is_err(), "the past is compacted");
}

pub async fn a_closed_engine_refuses_commits(subject: &dyn Subject) {
    let engine = subject.open().await;
    let seq = engine.commit(put("a", "1")).await.unwrap();
    let mut watch = engine.watch(Range::all(), seq).unwrap();
    engine.close().await;
    assert!(matches!(engine.commit(put("a", "2")).await, Err(CommitError::Unavailable(_))));
    assert_eq!(watch.next().await, Err(WatchError::Closed));
}
