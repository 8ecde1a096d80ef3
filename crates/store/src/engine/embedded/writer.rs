//! The writer thread: drains the queue in groups, one transaction and one fsync each.
//!
//! Nobody is answered before the group is durable, also not with a conflict: what was in the
//! way may be in the same group. If a group fails, none of it is published. After "no room"
//! the file is opened anew; after any other I/O error the disk is not to be trusted (what
//! fsync failed to write may be lost while the cache still shows it), and commits are refused
//! until the process starts again.

use std::io;
use std::time::{Duration, Instant};

use redb::{Database, Durability, ReadableTable, Table};
use tokio::sync::{mpsc, oneshot};

use super::file::{Cause, LAST_SEQ, META, ROWS, Shared};
use crate::engine::{Batch, Commit, CommitError, Seq};

/// The most commits in one group.
const MAX_GROUP: usize = 512;
/// No commit joins a group that has reached this size.
const MAX_GROUP_BYTES: usize = 4 << 20;
/// How long commits are refused after the file could not be opened anew.
const REOPEN_PAUSE: Duration = Duration::from_millis(200);

/// A commit and where its answer goes.
pub(super) struct Job {
    pub(super) commit: Commit,
    pub(super) reply: oneshot::Sender<Result<Seq, CommitError>>,
}

/// What became of one commit of a group, to be answered once the group is durable.
enum Outcome {
    Written(Batch),
    Checked,
    Conflict(bytes::Bytes),
}

/// Why a group failed: whether it may be tried again, and the cause.
struct Failure {
    full: bool,
    cause: Cause,
}

/// Whether commits are taken.
enum Health {
    Good,
    /// The file is to be opened anew, not before this moment.
    Reopen(Instant),
    /// The disk is not to be trusted.
    Lost,
}

/// Serves the queue until all senders are gone, then closes the file.
pub(super) fn run(shared: &Shared, mut jobs: mpsc::Receiver<Job>) {
    let mut health = Health::Good;
    while let Some(first) = jobs.blocking_recv() {
        let group = gather(first, &mut jobs);
        if let Health::Reopen(not_before) = health {
            health = if Instant::now() < not_before { health } else { reopen(shared) };
        }
        if !matches!(health, Health::Good) {
            refuse(group, "the state store's disk failed or is full");
            continue;
        }
        let (commits, replies): (Vec<_>, Vec<_>) =
            group.into_iter().map(|job| (job.commit, job.reply)).unzip();
        let last = shared.log.last();
        match shared.with(|database| write(database, last, commits)) {
            Some(Ok(outcomes)) => publish(shared, outcomes, replies),
            Some(Err(failure)) => {
                tracing::error!(error = &*failure.cause as &dyn std::error::Error, "commits failed");
                shared.fail();
                health = if failure.full { reopen(shared) } else { Health::Lost };
                let cause = failure.cause.to_string();
                for reply in replies {
                    reply.send(Err(CommitError::Unavailable(cause.as_str().into()))).ok();
                }
            }
            None => health = reopen(shared),
        }
    }
    shared.close();
}

fn gather(first: Job, jobs: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let mut bytes = first.commit.size();
    let mut group = vec![first];
    while group.len() < MAX_GROUP && bytes < MAX_GROUP_BYTES {
        let Ok(job) = jobs.try_recv() else { break };
        bytes += job.commit.size();
        group.push(job);
    }
    group
}

fn reopen(shared: &Shared) -> Health {
    match shared.reopen() {
        Ok(()) => Health::Good,
        Err(cause) => {
            tracing::error!(
                error = &*cause as &dyn std::error::Error,
                "opening the state store again failed"
            );
            shared.fail();
            Health::Reopen(Instant::now() + REOPEN_PAUSE)
        }
    }
}

fn refuse(group: Vec<Job>, why: &'static str) {
    for job in group {
        job.reply.send(Err(CommitError::Unavailable(why.into()))).ok();
    }
}

/// Writes a group in one transaction; it is durable when this answers.
fn write(database: &Database, last: Seq, commits: Vec<Commit>) -> Result<Vec<Outcome>, Failure> {
    let mut transaction = database.begin_write().map_err(failure)?;
    transaction.set_durability(Durability::Immediate).map_err(failure)?;
    // Without it a start after a crash reads the whole file.
    transaction.set_quick_repair(true);
    let mut outcomes = Vec::with_capacity(commits.len());
    let mut seq = last;
    {
        let mut rows = transaction.open_table(ROWS).map_err(failure)?;
        for commit in commits {
            outcomes.push(write_one(&mut rows, &mut seq, commit).map_err(failure)?);
        }
    }
    if seq == last {
        // Nothing to make durable.
        transaction.abort().map_err(failure)?;
        return Ok(outcomes);
    }
    transaction.open_table(META).map_err(failure)?.insert(LAST_SEQ, seq.0).map_err(failure)?;
    transaction.commit().map_err(failure)?;
    Ok(outcomes)
}

fn write_one(
    rows: &mut Table<&'static [u8], &'static [u8]>,
    seq: &mut Seq,
    commit: Commit,
) -> Result<Outcome, redb::StorageError> {
    for (key, expect) in &commit.expectations {
        let found = rows.get(&key[..])?;
        let found = found.as_ref().and_then(|stored| stored.value().first_chunk::<8>().copied());
        if !expect.is_met_by(found.map(|seq| Seq(u64::from_be_bytes(seq)))) {
            return Ok(Outcome::Conflict(key.clone()));
        }
    }
    if commit.writes.is_empty() {
        return Ok(Outcome::Checked);
    }
    *seq = Seq(seq.0 + 1);
    for (key, value) in &commit.writes {
        match value {
            Some(value) => {
                let mut place = rows.insert_reserve(&key[..], 8 + value.len())?;
                let stored = place.as_mut();
                stored[..8].copy_from_slice(&seq.0.to_be_bytes());
                stored[8..].copy_from_slice(value);
            }
            None => {
                rows.remove(&key[..])?;
            }
        }
    }
    Ok(Outcome::Written(Batch { seq: *seq, writes: commit.writes.into_iter().collect() }))
}

/// Tells watchers and callers of a durable group.
fn publish(shared: &Shared, outcomes: Vec<Outcome>, replies: Vec<oneshot::Sender<Result<Seq, CommitError>>>) {
    let mut batches = Vec::new();
    let mut seen = shared.log.last();
    let mut answers = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        answers.push(match outcome {
            Outcome::Written(batch) => {
                seen = batch.seq;
                batches.push(batch);
                Ok(seen)
            }
            Outcome::Checked => Ok(seen),
            Outcome::Conflict(key) => Err(CommitError::Conflict { key, seen }),
        });
    }
    shared.log.append(batches);
    for (reply, answer) in replies.into_iter().zip(answers) {
        // Who no longer waits finds out by reading.
        reply.send(answer).ok();
    }
}

fn failure(error: impl Into<redb::Error>) -> Failure {
    let error = error.into();
    let full = matches!(&error, redb::Error::Io(source)
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded));
    Failure { full, cause: error.into() }
}
