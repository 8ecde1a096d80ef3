//! Backfills: copies of the images that were there before the rule that copies them.
//!
//! StartReplicationBackfill writes a [`Backfill`]; the worker lists what is to be copied as
//! [`BackfillItem`] rows, then copies them a few a round. Rows are kept for 90 days after the end.

use std::time::Duration;

use model::ecr::{Digest, ImageTag, RepositoryName};
use model::{Record, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row, Txn, Versioned, key};

use super::{Destination, ReplicaState, code};
use crate::error::Error;
use crate::tables::Repository;
use crate::{Registry, store_failure};

/// How many backfills of a registry may be going on.
pub const MAX_BACKFILLS: usize = 10;
/// How many copies of one backfill a round makes.
const ITEMS_PER_ROUND: usize = 20;
/// How many items one commit writes: below the store's limit of operations.
const ITEMS_PER_COMMIT: usize = 80;
/// How long an ended backfill is shown.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How far a backfill is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackfillState {
    /// It is not listed yet what is to be copied.
    Preparing,
    /// Images are being copied.
    InProgress,
    /// Every image was copied, or could not be.
    Complete,
    /// Somebody stopped it.
    Stopped,
}

/// The images of a registry that are copied to one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// The registry.
    pub scope: Scope,
    /// A UUID.
    pub id: String,
    /// Where the copies go.
    pub destination: Destination,
    /// How far it is.
    pub state: BackfillState,
    /// Whether it is listed what is to be copied.
    pub is_prepared: bool,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// One image of a backfill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillItem {
    /// The backfill's id.
    pub backfill: String,
    /// The id of the image's repository.
    pub repository: String,
    /// The repository's name.
    pub name: RepositoryName,
    /// The image.
    pub digest: Digest,
    /// Its tags when the backfill began.
    pub tags: Vec<ImageTag>,
    /// How far the copy is.
    pub state: ReplicaState,
    /// Why it failed.
    pub failure: Option<String>,
}

/// Why a backfill does not begin, or what began.
#[derive(Clone, Debug)]
pub enum NewBackfill {
    /// It is wished for.
    Started(Backfill),
    /// One for the same region is going on.
    InProgress,
    /// As many as may be are going on.
    TooMany,
}

impl Backfill {
    /// Whether it has not ended.
    pub fn is_going_on(&self) -> bool {
        matches!(self.state, BackfillState::Preparing | BackfillState::InProgress)
    }
}

impl Record for Backfill {}
impl Row for Backfill {
    const TABLE: &'static str = "ecr/backfill";
    fn key(&self) -> Key {
        key![self.scope, self.id]
    }
}

impl Record for BackfillItem {}
impl Row for BackfillItem {
    const TABLE: &'static str = "ecr/backfill-item";
    fn key(&self) -> Key {
        key![self.backfill, self.name.as_str(), self.digest.as_str()]
    }
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        let waits = self.state == ReplicaState::Pending;
        waits.then(|| ("pending", key![self.backfill])).into_iter().collect()
    }
}

impl Registry {
    /// Begins a backfill to a destination that the registry's rules name.
    pub async fn start_backfill(
        &self,
        scope: &Scope,
        to: Destination,
        now: Timestamp,
    ) -> Result<NewBackfill, Error> {
        let _alone = self.backfilling.lock().await;
        let running: Vec<_> = self.backfills(scope).into_iter().filter(|known| known.is_going_on()).collect();
        if running.iter().any(|known| known.destination.region == to.region) {
            return Ok(NewBackfill::InProgress);
        }
        if running.len() >= MAX_BACKFILLS {
            return Ok(NewBackfill::TooMany);
        }
        let begun = Backfill {
            scope: scope.clone(),
            id: self.uuid(),
            destination: to,
            state: BackfillState::Preparing,
            is_prepared: false,
            started_at: now,
            ended_at: None,
        };
        self.store.commit(Txn::new().insert(&begun)).await.map_err(store_failure("starting a backfill"))?;
        self.work.notify_one();
        Ok(NewBackfill::Started(begun))
    }

    /// All backfills of a registry that are kept, the newest first.
    pub fn backfills(&self, scope: &Scope) -> Vec<Versioned<Backfill>> {
        let mut all: Vec<Versioned<Backfill>> = self.store.snapshot().all(&key![scope]).collect();
        all.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        all
    }

    /// The images of a backfill.
    pub fn backfill_items(&self, id: &str) -> Vec<Versioned<BackfillItem>> {
        self.store.snapshot().all(&key![id]).collect()
    }

    /// Stops a backfill; `None` if it has ended or somebody else changed it.
    pub async fn stop_backfill(
        &self,
        backfill: &Versioned<Backfill>,
        now: Timestamp,
    ) -> Result<Option<Backfill>, Error> {
        if !backfill.is_going_on() {
            return Ok(None);
        }
        let stopped =
            Backfill { state: BackfillState::Stopped, ended_at: Some(now), ..Backfill::clone(backfill) };
        Ok(self.settle(Txn::new().update(backfill, &stopped)).await?.then_some(stopped))
    }

    /// Goes on with all backfills; answers how many images were copied or could not be.
    pub(super) async fn fill(&self, now: Timestamp) -> Result<usize, Error> {
        let all: Vec<Versioned<Backfill>> = self.store.snapshot().all(&key![]).collect();
        let mut made = 0;
        for backfill in all {
            match backfill.state {
                BackfillState::Preparing => {
                    self.prepare(&backfill).await?;
                    made += 1;
                }
                BackfillState::InProgress => made += self.fill_some(&backfill, now).await?,
                BackfillState::Complete | BackfillState::Stopped => {
                    if backfill.ended_at.is_some_and(|end| now.since(end) > KEPT) {
                        self.empty::<BackfillItem>(&key![backfill.id]).await?;
                        self.settle(Txn::new().remove(&backfill)).await?;
                    }
                }
            }
        }
        Ok(made)
    }

    /// Lists what is to be copied. Writing it twice is the same as once.
    async fn prepare(&self, backfill: &Versioned<Backfill>) -> Result<(), Error> {
        let settings = self.settings(&backfill.scope);
        let repositories: Vec<Versioned<Repository>> =
            self.store.snapshot().all(&key![backfill.scope]).collect();
        let mut items = Vec::new();
        for repository in repositories {
            if !settings.destinations(&repository.name).contains(&backfill.destination) {
                continue;
            }
            let mut after: Option<Digest> = None;
            loop {
                let images = self.images(&repository, after.as_ref(), 500);
                let Some(last) = images.last() else { break };
                after = Some(last.digest.clone());
                items.extend(images.iter().map(|image| BackfillItem {
                    backfill: backfill.id.clone(),
                    repository: repository.id.clone(),
                    name: repository.name.clone(),
                    digest: image.digest.clone(),
                    tags: self.tags_of(&repository, &image.digest),
                    state: ReplicaState::Pending,
                    failure: None,
                }));
            }
        }
        for some in items.chunks(ITEMS_PER_COMMIT) {
            let txn = some.iter().fold(Txn::new(), |txn, item| txn.put(item));
            self.store.commit(txn).await.map_err(store_failure("preparing a backfill"))?;
        }
        let prepared =
            Backfill { state: BackfillState::InProgress, is_prepared: true, ..Backfill::clone(backfill) };
        self.settle(Txn::new().update(backfill, &prepared)).await.map(|_| ())
    }

    async fn fill_some(&self, backfill: &Versioned<Backfill>, now: Timestamp) -> Result<usize, Error> {
        let items = self.store.snapshot().page_by::<BackfillItem>(
            "pending",
            &key![backfill.id],
            None,
            ITEMS_PER_ROUND,
        );
        if items.is_empty() {
            let ended =
                Backfill { state: BackfillState::Complete, ended_at: Some(now), ..Backfill::clone(backfill) };
            return self.settle(Txn::new().update(backfill, &ended)).await.map(usize::from);
        }
        for item in &items {
            let copied = match self.repository_of(&item.repository) {
                Some(source) => self.copy(&source, &item.digest, &backfill.destination, now).await,
                None => Err(crate::repositories::unknown(&backfill.scope, &item.name)),
            };
            let mut done = BackfillItem::clone(item);
            match copied {
                Ok(()) => done.state = ReplicaState::Complete,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, digest = %item.digest, "an image was not backfilled");
                    (done.state, done.failure) = (ReplicaState::Failed, Some(code(&error).to_owned()));
                }
            }
            self.settle(Txn::new().update(item, &done)).await?;
        }
        Ok(items.len())
    }
}
