//! Blobs in repositories: link, mount, find, stream.
//!
//! Linking writes the blob's row each time, so that the reaper, which deletes a blob's row
//! only as it was read, can never take away what was linked in the meantime.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use model::ecr::{Digest, RepositoryName};
use model::{Scope, Timestamp};
use store::{Txn, Versioned, key};

use crate::content::{Content, ContentStream};
use crate::error::Error;
use crate::repositories::{find, unknown};
use crate::tables::{Blob, Contents, Doomed, Link, Repository};
use crate::{MAX_ATTEMPTS, Registry, store_failure};

/// A link is renewed when a push asks for it and it is older than this.
const RENEW_AFTER: Duration = Duration::from_secs(60 * 60);

/// How many repositories with a blob are looked at for one that may be read.
const MAX_HOLDERS: usize = 1000;

impl Registry {
    /// Finds a blob in a repository.
    pub fn link(&self, repository: &Repository, digest: &Digest) -> Result<Versioned<Link>, Error> {
        let link = self.store.get::<Link>(&key![repository.id, digest.as_str()]);
        link.ok_or_else(|| Error::BlobUnknown(digest.clone()))
    }

    /// Finds a blob in a repository and keeps the reaper from it for another grace period:
    /// for pushes, which upload only what they do not find.
    pub async fn link_for_push(
        &self,
        repository: &Repository,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Versioned<Link>, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let link = self.link(repository, digest)?;
            if now.since(link.touched_at) < RENEW_AFTER {
                return Ok(link);
            }
            let renewed = Link { touched_at: now, ..Link::clone(&link) };
            match self.store.commit(Txn::new().update(&link, &renewed)).await {
                Ok(_) => return Ok(link),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("renewing a link")(error)),
            }
        }
        Err(Error::Contended)
    }

    /// Makes a blob of one repository visible in another, without copying it.
    pub async fn mount(
        &self,
        scope: &Scope,
        from: &RepositoryName,
        to: &RepositoryName,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<(), Error> {
        let snapshot = self.store.snapshot();
        let target = find(&snapshot, scope, to)?;
        let source = find(&snapshot, scope, from)?;
        self.link(&source, digest)?;
        self.link_blob(&target, digest, None, now).await
    }

    /// A repository of the scope that has the blob and that `may_read` lets through.
    pub(crate) fn holder(
        &self,
        scope: &Scope,
        digest: &Digest,
        may_read: impl Fn(&Repository) -> bool,
    ) -> Option<RepositoryName> {
        let snapshot = self.store.snapshot();
        let links = snapshot.all_by::<Link>("digest", &key![digest.as_str()]).take(MAX_HOLDERS);
        let owners =
            links.filter_map(|link| snapshot.all_by::<Repository>("id", &key![link.repository]).next());
        owners
            .filter(|owner| owner.scope == *scope)
            .find(|owner| may_read(owner))
            .map(|owner| owner.name.clone())
    }

    /// Streams a part of a blob.
    pub fn open(&self, digest: &Digest, range: Range<u64>) -> Result<ContentStream, Error> {
        let blob = self.blob(digest)?;
        self.content.stream(&blob.object, range)
    }

    /// The row of a blob.
    pub(crate) fn blob(&self, digest: &Digest) -> Result<Versioned<Blob>, Error> {
        let blob = self.store.get::<Blob>(&key![digest.as_str()]);
        blob.ok_or_else(|| Error::BlobUnknown(digest.clone()))
    }

    /// Puts a blob into a repository. `fresh` is an object that holds its verified, durable
    /// bytes: it becomes the blob's if the blob is not known, and is deleted if it is.
    pub(crate) async fn link_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        fresh: Option<(String, u64)>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let linked = self.try_link(repository, digest, fresh.as_ref(), now).await;
        // After a failed commit nobody knows whether a row names the object: the reaper judges.
        let is_ours = matches!(linked, Ok(Linked::Fresh) | Err(Error::Store { .. }));
        if let Some((object, _)) = fresh.filter(|_| !is_ours)
            && let Err(error) = self.content.delete(&object).await
        {
            tracing::warn!(%error, object, "a superfluous object was left to the reaper");
        }
        linked.map(|_| ())
    }

    async fn try_link(
        &self,
        repository: &Repository,
        digest: &Digest,
        fresh: Option<&(String, u64)>,
        now: Timestamp,
    ) -> Result<Linked, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = self.store.snapshot();
            if snapshot.get::<Contents>(&key![repository.id]).is_none() {
                return Err(unknown(&repository.scope, &repository.name));
            }
            let known = snapshot.get::<Blob>(&key![digest.as_str()]);
            let (blob, outcome) = match (&known, fresh) {
                (Some(known), _) => (Blob { touched_at: now, ..Blob::clone(known) }, Linked::Known),
                (None, Some((object, _))) if snapshot.get::<Doomed>(&key![object]).is_some() => {
                    return Err(Error::Contended);
                }
                (None, Some((object, size))) => {
                    let (digest, object) = (digest.clone(), object.clone());
                    (Blob { digest, object, size: *size, touched_at: now }, Linked::Fresh)
                }
                (None, None) => return Err(Error::BlobUnknown(digest.clone())),
            };
            let link = Link {
                repository: repository.id.clone(),
                digest: digest.clone(),
                size: blob.size,
                touched_at: now,
            };
            let txn = match &known {
                Some(known) => Txn::new().update(known, &blob),
                None => Txn::new().insert(&blob).expect_absent::<Doomed>(&key![blob.object]),
            };
            let txn = txn.put(&link).expect_present::<Contents>(&key![repository.id]);
            match self.store.commit(txn).await {
                Ok(_) => return Ok(outcome),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("linking a blob")(error)),
            }
        }
        Err(Error::Contended)
    }

    /// Stores a manifest's bytes as a blob of the repository, unless it is there.
    pub(crate) async fn store_small(
        &self,
        repository: &Repository,
        digest: &Digest,
        bytes: Bytes,
        now: Timestamp,
    ) -> Result<(), Error> {
        match self.link_for_push(repository, digest, now).await {
            Ok(_) => return Ok(()),
            Err(Error::BlobUnknown(_)) => {}
            Err(error) => return Err(error),
        }
        let (object, size) = (Content::object_name(&self.uuid()), bytes.len() as u64);
        self.content.write(&object, bytes).await?;
        self.link_blob(repository, digest, Some((object, size)), now).await
    }
}

/// Whose object the blob's row names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Linked {
    Fresh,
    Known,
}
