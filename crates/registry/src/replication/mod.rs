//! Replication: copies of images in other regions, and in the registries of other Longshores.
//!
//! A push writes, in its own commit, a [`Replica`] row for each destination that its repository is
//! copied to, and a delete a [`Withdrawal`] row where a rule replicates deletes; the worker
//! ([`Registry::replicate`]) takes it from there. All regions of an account share one blob store, so
//! that a copy in another region is links and rows, not bytes (`near.rs`); to a peer it is a push
//! by its API (`peer.rs`). A copy is not copied again.
//!
//! A destination that does not answer is asked again, later and later; what it refuses has failed.

mod backfill;
mod near;
mod peer;
mod rows;

use std::time::Duration;

use model::Timestamp;
use store::{Row, Txn, Versioned, key};

pub use backfill::{Backfill, BackfillItem, BackfillState, MAX_BACKFILLS, NewBackfill};
pub use peer::{PeerConfig, Peers};
pub use rows::{Destination, Replica, ReplicaState, Withdrawal, Withdrawn};

use crate::error::{Error, Fault};
use crate::images::Reference;
use crate::tables::Repository;
use crate::{Registry, store_failure};

/// How many copies, and how many deletes, one round makes.
const ROWS_PER_ROUND: usize = 100;
/// How deep indexes may list indexes.
const MAX_DEPTH: usize = 8;
/// How often a destination is asked before a copy has failed: for most of a day.
const MAX_TRIES: u32 = 200;
/// The longest time between two tries.
const MAX_PAUSE: Duration = Duration::from_secs(5 * 60);

/// What came of one try.
enum Outcome {
    /// It is done.
    Done,
    /// It can never be done; the code says why.
    Failed(&'static str),
    /// It is tried again.
    Later,
}

impl Registry {
    /// The copies of an image.
    pub fn replicas(&self, repository: &Repository, digest: &model::ecr::Digest) -> Vec<Versioned<Replica>> {
        self.store.snapshot().all(&key![repository.id, digest.as_str()]).collect()
    }

    /// Makes the copies and deletes that are due, and some of what backfills want; answers how many.
    pub async fn replicate(&self, now: Timestamp) -> Result<usize, Error> {
        let copied = self.copy_due(now).await?;
        let withdrawn = self.withdraw_due(now).await?;
        let backfilled = self.fill(now).await?;
        Ok(copied + withdrawn + backfilled)
    }

    /// When the next copy or delete is due that was put off.
    pub fn replication_due(&self) -> Option<Timestamp> {
        let snapshot = self.store.snapshot();
        let copy = snapshot.page_by::<Replica>(rows::PENDING, &key![], None, 1);
        let delete = snapshot.page_by::<Withdrawal>(rows::PENDING, &key![], None, 1);
        copy.iter().map(|row| row.not_before).chain(delete.iter().map(|row| row.not_before)).min()
    }

    async fn copy_due(&self, now: Timestamp) -> Result<usize, Error> {
        let mut made = 0;
        for wished in self.due::<Replica>(now) {
            let Some(source) = self.repository_of(&wished.repository) else { continue };
            let mut done = Replica::clone(&wished);
            let to = &wished.destination;
            match outcome(self.copy(&source, &wished.digest, to, now).await, &wished.tries, to) {
                Outcome::Done => (done.state, done.failure) = (ReplicaState::Complete, None),
                Outcome::Failed(code) => {
                    (done.state, done.failure) = (ReplicaState::Failed, Some(code.to_owned()));
                }
                Outcome::Later => (done.tries, done.not_before) = later(wished.tries, now),
            }
            made += usize::from(self.settle(Txn::new().update(&wished, &done)).await?);
        }
        Ok(made)
    }

    async fn withdraw_due(&self, now: Timestamp) -> Result<usize, Error> {
        let mut made = 0;
        for wished in self.due::<Withdrawal>(now) {
            let to = &wished.destination;
            let txn = match outcome(self.withdraw(&wished, now).await, &wished.tries, to) {
                Outcome::Done | Outcome::Failed(_) => Txn::new().remove(&wished),
                Outcome::Later => {
                    let mut put_off = Withdrawal::clone(&wished);
                    (put_off.tries, put_off.not_before) = later(wished.tries, now);
                    Txn::new().update(&wished, &put_off)
                }
            };
            made += usize::from(self.settle(txn).await?);
        }
        Ok(made)
    }

    /// The rows whose time has come, the longest waiting first.
    fn due<R: Row + rows::Timed>(&self, now: Timestamp) -> Vec<Versioned<R>> {
        let pending = self.store.snapshot().page_by::<R>(rows::PENDING, &key![], None, ROWS_PER_ROUND);
        pending.into_iter().take_while(|row| row.not_before() <= now).collect()
    }

    /// Commits; false if somebody wrote meanwhile: pushed again, or deleted.
    async fn settle(&self, txn: Txn) -> Result<bool, Error> {
        match self.store.commit(txn).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(store_failure("noting a copy")(error)),
        }
    }

    /// Makes one copy.
    async fn copy(
        &self,
        source: &Repository,
        digest: &model::ecr::Digest,
        to: &Destination,
        now: Timestamp,
    ) -> Result<(), Error> {
        if to.registry.is_none() {
            self.copy_near(source, digest, &to.region, now, 0).await
        } else {
            self.copy_far(source, digest, to, now).await
        }
    }

    /// Takes away at a destination what is no longer at the source.
    async fn withdraw(&self, gone: &Withdrawal, now: Timestamp) -> Result<(), Error> {
        let Some(source) = self.repository_of(&gone.repository) else { return Ok(()) };
        let reference = match &gone.what {
            Withdrawn::Tag(tag) => Reference::Tag(tag.clone()),
            Withdrawn::Image(digest) => Reference::Digest(digest.clone()),
        };
        // Pushed again since: the copy of that push says how it is.
        if self.image(&source, &reference).is_ok() {
            return Ok(());
        }
        if gone.destination.registry.is_none() {
            self.withdraw_near(&source, &gone.what, &gone.destination.region).await
        } else {
            self.withdraw_far(&source, &gone.what, &gone.destination, now).await
        }
    }

    fn repository_of(&self, id: &str) -> Option<Versioned<Repository>> {
        self.store.snapshot().all_by::<Repository>("id", &key![id]).next()
    }
}

fn outcome(result: Result<(), Error>, tries: &u32, to: &Destination) -> Outcome {
    let Err(error) = result else { return Outcome::Done };
    tracing::warn!(error = &error as &dyn std::error::Error, destination = %to, "an image was not replicated");
    let is_final = error.fault() == Fault::Caller && !matches!(error, Error::Upstream(_));
    if is_final || tries + 1 >= MAX_TRIES { Outcome::Failed(code(&error)) } else { Outcome::Later }
}

/// How often was tried, and when it is tried again: after a second, two, four, up to five minutes.
fn later(tries: u32, now: Timestamp) -> (u32, Timestamp) {
    let pause = Duration::from_secs(1 << tries.min(16)).min(MAX_PAUSE);
    (tries + 1, now + pause)
}

/// The failure code of a copy.
fn code(error: &Error) -> &'static str {
    match error {
        Error::TagImmutable { .. } => "ImageTagImmutable",
        Error::ManifestUnknown { .. } => "ImageNotFound",
        Error::RepositoryUnknown { .. } => "RepositoryNotFound",
        Error::PeerUnknown(_) => "RegistryNotFound",
        _ => "ReplicationFailed",
    }
}
