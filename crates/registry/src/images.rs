//! Images that are there: find, list, untag, delete. Pushing one is `push.rs`.

use std::time::Duration;

use bytes::Bytes;
use model::ecr::{Digest, ImageTag};
use model::{Scope, Timestamp};
use store::{Key, Snapshot, Txn, Versioned, key};

use crate::error::Error;
use crate::repositories::{fence, find, raised};
use crate::tables::{Destination, Image, Replica, Repository, Scan, Tag, Withdrawal, Withdrawn};
use crate::{MAX_ATTEMPTS, Registry, store_failure};

/// How many tags one commit deletes: below the store's limit of operations.
const TAGS_PER_COMMIT: usize = 50;
/// How many rows of copies go with an image: commits are limited, and stray rows do no harm.
const MAX_REPLICAS: usize = 10;
/// How often at most a pull is recorded, as ECR does.
const PULL_RECORD_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// How a manifest is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// By tag.
    Tag(ImageTag),
    /// By digest.
    Digest(Digest),
}

/// A page of the images that are about another.
#[derive(Clone, Debug)]
pub struct Referrers {
    /// The images, by digest.
    pub images: Vec<Versioned<Image>>,
    /// Where the next page begins, when there is one.
    pub next: Option<Digest>,
}

impl Registry {
    /// Finds an image by tag or digest.
    pub fn image(&self, repository: &Repository, reference: &Reference) -> Result<Versioned<Image>, Error> {
        let snapshot = self.store.snapshot();
        let digest = match reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(tag) => snapshot
                .get::<Tag>(&key![repository.id, tag.as_str()])
                .map(|row| row.digest.clone())
                .ok_or_else(|| image_unknown(repository, reference))?,
        };
        snapshot
            .get(&key![repository.id, digest.as_str()])
            .ok_or_else(|| image_unknown(repository, reference))
    }

    /// The manifest's bytes, as they were pushed.
    pub async fn manifest(&self, image: &Image) -> Result<Bytes, Error> {
        let blob = self.blob(&image.digest)?;
        self.content.read_all(&blob.object, blob.size).await
    }

    /// At most `limit` images by digest, those behind `after`.
    pub fn images(
        &self,
        repository: &Repository,
        after: Option<&Digest>,
        limit: usize,
    ) -> Vec<Versioned<Image>> {
        let after = after.map(|digest| key![repository.id, digest.as_str()]);
        self.store.snapshot().page(&key![repository.id], after.as_ref(), limit)
    }

    /// At most `limit` tags by name, those behind `after`. `after` need not be a tag.
    pub fn tags(&self, repository: &Repository, after: Option<&str>, limit: usize) -> Vec<Versioned<Tag>> {
        let after = after.map(|tag| key![repository.id, tag]);
        self.store.snapshot().page(&key![repository.id], after.as_ref(), limit)
    }

    /// The tags of an image, sorted.
    pub fn tags_of(&self, repository: &Repository, digest: &Digest) -> Vec<ImageTag> {
        let snapshot = self.store.snapshot();
        snapshot.all_by::<Tag>("image", &image_key(repository, digest)).map(|row| row.tag.clone()).collect()
    }

    /// The indexes that list an image.
    pub fn parents_of(&self, repository: &Repository, digest: &Digest) -> Vec<Digest> {
        let snapshot = self.store.snapshot();
        snapshot
            .all_by::<Image>("child", &image_key(repository, digest))
            .map(|row| row.digest.clone())
            .collect()
    }

    /// The images that are about `subject`, of one artifact type if it is given.
    pub fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: Option<&Digest>,
        limit: usize,
    ) -> Referrers {
        let snapshot = self.store.snapshot();
        let mut images: Vec<_> = snapshot
            .all_by::<Image>("subject", &image_key(repository, subject))
            .filter(|row| after.is_none_or(|after| row.digest > *after))
            .filter(|row| artifact_type.is_none_or(|wanted| row.artifact_type.as_deref() == Some(wanted)))
            .take(limit + 1)
            .collect();
        let more = images.len() > limit;
        images.truncate(limit);
        let next = more.then(|| images.last().map(|row| row.digest.clone())).flatten();
        Referrers { images, next }
    }

    /// Removes a tag; the image stays. Answers where it pointed.
    pub async fn untag(&self, repository: &Repository, tag: &ImageTag) -> Result<Digest, Error> {
        self.untag_here_and(repository, tag, &self.delete_destinations(repository)).await
    }

    /// Removes a tag, and wishes it to go at `destinations`.
    pub(crate) async fn untag_here_and(
        &self,
        repository: &Repository,
        tag: &ImageTag,
        destinations: &[Destination],
    ) -> Result<Digest, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = self.store.snapshot();
            let read = snapshot
                .get::<Tag>(&key![repository.id, tag.as_str()])
                .ok_or_else(|| image_unknown(repository, &Reference::Tag(tag.clone())))?;
            let contents = fence(&snapshot, repository)?;
            let txn = Txn::new().update(&contents, &raised(&contents)).remove(&read);
            let txn = withdrawn(txn, repository, &Withdrawn::Tag(tag.clone()), destinations);
            match self.store.commit(txn).await {
                Ok(_) => {
                    self.wake_for(destinations);
                    return Ok(read.digest.clone());
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("removing a tag")(error)),
            }
        }
        Err(Error::Contended)
    }

    /// Deletes an image and its tags. Answers the tags that it had.
    ///
    /// More tags than one commit takes go first, by the commit; the image goes last.
    pub async fn delete_image(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Vec<ImageTag>, Error> {
        self.delete_image_here_and(repository, digest, &self.delete_destinations(repository)).await
    }

    /// Deletes an image, and wishes it to go at `destinations`.
    pub(crate) async fn delete_image_here_and(
        &self,
        repository: &Repository,
        digest: &Digest,
        destinations: &[Destination],
    ) -> Result<Vec<ImageTag>, Error> {
        let mut gone = Vec::new();
        let mut attempts = 0;
        while attempts < MAX_ATTEMPTS {
            let snapshot = self.store.snapshot();
            let image = snapshot
                .get::<Image>(&key![repository.id, digest.as_str()])
                .ok_or_else(|| image_unknown(repository, &Reference::Digest(digest.clone())))?;
            let contents = fence(&snapshot, repository)?;
            let tags = tags_page(&snapshot, &image_key(repository, digest));
            let mut txn = Txn::new().update(&contents, &raised(&contents));
            for tag in &tags {
                txn = txn.remove(tag);
            }
            let last = tags.len() < TAGS_PER_COMMIT;
            if last {
                txn = txn.remove(&image).delete::<Scan>(&image_key(repository, digest));
                for replica in snapshot.page::<Replica>(&image_key(repository, digest), None, MAX_REPLICAS) {
                    txn = txn.remove(&replica);
                }
                txn = withdrawn(txn, repository, &Withdrawn::Image(digest.clone()), destinations);
            }
            match self.store.commit(txn).await {
                Ok(_) => {
                    gone.extend(tags.iter().map(|row| row.tag.clone()));
                    if last {
                        self.wake_for(destinations);
                        return Ok(gone);
                    }
                }
                Err(error) if error.is_conflict() => attempts += 1,
                Err(error) => return Err(store_failure("deleting an image")(error)),
            }
        }
        Err(Error::Contended)
    }

    fn delete_destinations(&self, repository: &Repository) -> Vec<Destination> {
        self.settings(&repository.scope).delete_destinations(&repository.name)
    }

    fn wake_for(&self, destinations: &[Destination]) {
        if !destinations.is_empty() {
            self.work.notify_one();
        }
    }

    /// The manifest's bytes, for `caller` who pulls the image.
    pub async fn pull(
        &self,
        image: &Versioned<Image>,
        scope: &Scope,
        caller: &str,
        now: Timestamp,
    ) -> Result<Bytes, Error> {
        let bytes = self.manifest(image).await?;
        if !self.settings(scope).unrecorded.contains_key(caller) {
            self.record_pull(image, now).await;
        }
        Ok(bytes)
    }

    /// Notes that an image was pulled. Best effort: a pull never fails for it.
    async fn record_pull(&self, image: &Versioned<Image>, now: Timestamp) {
        if image.pulled_at.is_some_and(|then| now.since(then) < PULL_RECORD_INTERVAL) {
            return;
        }
        let mut pulled = Image::clone(image);
        pulled.pulled_at = Some(now);
        if let Err(error) = self.store.commit(Txn::new().update(image, &pulled)).await
            && !error.is_conflict()
        {
            tracing::warn!(%error, digest = %image.digest, "a pull was not recorded");
        }
    }

    /// Finds the image of a repository that is named; for callers that have no row yet.
    pub fn image_of(
        &self,
        scope: &model::Scope,
        name: &model::ecr::RepositoryName,
        reference: &Reference,
    ) -> Result<Versioned<Image>, Error> {
        let repository = find(&self.store.snapshot(), scope, name)?;
        self.image(&repository, reference)
    }
}

/// The same commit, which also wishes `what` to go at the destinations.
fn withdrawn(txn: Txn, repository: &Repository, what: &Withdrawn, destinations: &[Destination]) -> Txn {
    let wished = |to: &Destination| Withdrawal::wished(repository, what.clone(), to.clone());
    destinations.iter().fold(txn, |txn, to| txn.put(&wished(to)))
}

fn tags_page(snapshot: &Snapshot, image: &Key) -> Vec<Versioned<Tag>> {
    snapshot.page_by::<Tag>("image", image, None, TAGS_PER_COMMIT)
}

fn image_key(repository: &Repository, digest: &Digest) -> Key {
    key![repository.id, digest.as_str()]
}

/// ECR's message for an image that is not there.
pub(crate) fn image_unknown(repository: &Repository, reference: &Reference) -> Error {
    image_missing(repository, reference, "does not exist within")
}

/// The message for an image that is not to be pulled.
pub(crate) fn image_archived(repository: &Repository, reference: &Reference) -> Error {
    image_missing(repository, reference, "is archived and must be restored in")
}

fn image_missing(repository: &Repository, reference: &Reference, how: &str) -> Error {
    let (digest, tag) = match reference {
        Reference::Digest(digest) => (digest.as_str(), "null"),
        Reference::Tag(tag) => ("null", tag.as_str()),
    };
    Error::ManifestUnknown {
        message: format!(
            "The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} {how} the repository with name '{}' in the registry with id '{}'",
            repository.name, repository.scope.account
        ),
    }
}
