//! Replication: copies of images in other regions of the same account.
//!
//! A push writes, in its own commit, a `Replica` row for each region that its repository is
//! copied to; the worker ([`Registry::replicate`]) takes it from there. All regions share one
//! blob store, so that a copy is links and rows, not bytes. A copy is not copied again.

use model::ecr::{Digest, ImageTag};
use model::{Record, Region, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row, Txn, Versioned, key};

use crate::error::{Error, Fault};
use crate::images::Reference;
use crate::push::Push;
use crate::tables::{Image, Repository, Tag};
use crate::templates::Occasion;
use crate::{Registry, store_failure};

/// How many copies one round makes.
const COPIES_PER_ROUND: usize = 100;
/// How deep indexes may list indexes.
const MAX_DEPTH: usize = 8;

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplicaState {
    /// It is to be made.
    Pending,
    /// It is there.
    Complete,
    /// It could not be made.
    Failed,
}

/// A copy of an image in another region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// The id of the repository that the image was pushed to.
    pub repository: String,
    /// The image.
    pub digest: Digest,
    /// Where the copy is to be.
    pub region: Region,
    /// How far it is.
    pub state: ReplicaState,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it was wished for.
    pub requested_at: Timestamp,
}

impl Record for Replica {}
impl Row for Replica {
    const TABLE: &'static str = "ecr/replica";
    fn key(&self) -> Key {
        key![self.repository, self.digest.as_str(), self.region.as_str()]
    }
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        let pending = (self.state == ReplicaState::Pending).then(|| ("pending", key!["pending"]));
        pending.into_iter().collect()
    }
}

impl Replica {
    pub(crate) fn wished(repository: &Repository, digest: &Digest, region: Region, now: Timestamp) -> Self {
        Replica {
            repository: repository.id.clone(),
            digest: digest.clone(),
            region,
            state: ReplicaState::Pending,
            failure: None,
            requested_at: now,
        }
    }
}

impl Registry {
    /// The copies of an image.
    pub fn replicas(&self, repository: &Repository, digest: &Digest) -> Vec<Versioned<Replica>> {
        self.store.snapshot().all(&key![repository.id, digest.as_str()]).collect()
    }

    /// Makes the copies that are wished for; answers how many are there now.
    pub async fn replicate(&self, now: Timestamp) -> Result<usize, Error> {
        let pending =
            self.store.snapshot().page_by::<Replica>("pending", &key!["pending"], None, COPIES_PER_ROUND);
        let mut made = 0;
        for wished in pending {
            let snapshot = self.store.snapshot();
            let Some(source) = snapshot.all_by::<Repository>("id", &key![wished.repository]).next() else {
                continue;
            };
            let mut done = Replica::clone(&wished);
            match self.copy(&source, &wished.digest, &wished.region, now, 0).await {
                Ok(()) => done.state = ReplicaState::Complete,
                Err(error) if error.fault() == Fault::Caller => {
                    tracing::warn!(%error, digest = %wished.digest, region = %wished.region, "an image was not replicated");
                    (done.state, done.failure) = (ReplicaState::Failed, Some(code(&error).to_owned()));
                }
                Err(error) => return Err(error),
            }
            match self.store.commit(Txn::new().update(&wished, &done)).await {
                Ok(_) => made += 1,
                // Pushed again meanwhile, or deleted.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("noting a copy")(error)),
            }
        }
        Ok(made)
    }

    async fn copy(
        &self,
        source: &Repository,
        digest: &Digest,
        region: &Region,
        now: Timestamp,
        depth: usize,
    ) -> Result<(), Error> {
        let image = self.image(source, &Reference::Digest(digest.clone()))?;
        let scope = Scope::new(source.scope.account.clone(), region.clone());
        let target = self.find_or_make(&scope, &source.name, Occasion::Replication, now).await?;
        for blob in &image.blobs {
            self.link_blob(&target, blob, None, now).await?;
        }
        for child in &image.manifests {
            if depth < MAX_DEPTH && self.image(&target, &Reference::Digest(child.clone())).is_err() {
                Box::pin(self.copy(source, child, region, now, depth + 1)).await?;
            }
        }
        self.push(&scope, &source.name, self.pushed_again(source, &image).await?, now).await.map(|_| ())
    }

    /// The push that makes the same image, with its tags of this moment.
    async fn pushed_again(&self, source: &Repository, image: &Image) -> Result<Push, Error> {
        let snapshot = self.store.snapshot();
        let tags = snapshot.page_by::<Tag>(
            "image",
            &key![source.id, image.digest.as_str()],
            None,
            crate::push::MAX_TAGS,
        );
        Ok(Push {
            manifest: self.manifest(image).await?,
            media_type: Some(image.media_type.clone()),
            tags: tags.iter().map(|row| row.tag.clone()).collect::<Vec<ImageTag>>(),
            digest: Some(image.digest.clone()),
            is_copy: true,
            is_sparse: false,
        })
    }
}

/// The failure code of a copy.
fn code(error: &Error) -> &'static str {
    match error {
        Error::TagImmutable { .. } => "ImageTagImmutable",
        Error::ManifestUnknown { .. } => "ImageNotFound",
        Error::RepositoryUnknown { .. } => "RepositoryNotFound",
        _ => "ReplicationFailed",
    }
}
