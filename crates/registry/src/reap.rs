//! The reaper: deletes what nothing refers to, safely beside pushes.
//!
//! In order: images that a lifecycle policy expires; the contents of deleted repositories; links that no image of their repository
//! needs; blobs that no repository has; objects that no blob names; uploads that nobody ends.
//! Each only past the grace period, and each by a commit that fails if a push was faster:
//!
//! - a push raises its repository's fence, and so does deleting links;
//! - a link rewrites its blob's row, and the row is deleted only as it was read;
//! - an object is deleted after its blob's row; one that never had a row is first marked
//!   as doomed, and a blob's row that names a doomed object is not committed.

use model::Timestamp;
use model::ecr::Digest;
use store::{Key, Row, Snapshot, Txn, Versioned, key};

use crate::content::Object;
use crate::error::Error;
use crate::repositories::raised;
use crate::tables::{Blob, Contents, Doomed, Grave, Image, Link, Replica, Scan, Tag, Withdrawal};
use crate::{Registry, store_failure};

/// How many rows one commit deletes: below the store's limit of operations.
const ROWS_PER_COMMIT: usize = 90;
/// How many objects are listed at a time.
const OBJECTS_PER_PAGE: usize = 1000;

/// What one run of the reaper removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Images that a lifecycle policy expired or archived.
    pub images: usize,
    /// Deleted repositories whose contents are gone now.
    pub graves: usize,
    /// Blobs taken out of repositories.
    pub links: usize,
    /// Blobs that no repository had.
    pub blobs: usize,
    /// Objects that no blob named.
    pub objects: usize,
    /// Abandoned uploads.
    pub uploads: usize,
}

impl Registry {
    /// Removes what nothing has referred to for the grace period before `now`.
    ///
    /// A conflict with a push leaves the rest to the next run.
    pub async fn reap(&self, now: Timestamp) -> Result<Reaped, Error> {
        let before = now - self.grace;
        Ok(Reaped {
            images: self.expire_images(now).await?,
            graves: self.reap_graves().await?,
            links: self.reap_links(before).await?,
            blobs: self.reap_blobs(before).await?,
            objects: self.reap_objects(before, now).await?,
            uploads: self.content.sweep(before).await?,
        })
    }

    async fn reap_graves(&self) -> Result<usize, Error> {
        let graves: Vec<_> = self.store.snapshot().all::<Grave>(&key![]).collect();
        for grave in &graves {
            let contents = key![grave.repository];
            self.empty::<Tag>(&contents).await?;
            self.empty::<Image>(&contents).await?;
            self.empty::<Link>(&contents).await?;
            self.empty::<Scan>(&contents).await?;
            self.empty::<Replica>(&contents).await?;
            self.empty::<Withdrawal>(&contents).await?;
            let removed = self.store.commit(Txn::new().remove(grave)).await;
            removed.map_err(store_failure("closing a deleted repository"))?;
        }
        Ok(graves.len())
    }

    /// Deletes all rows under `prefix`; nobody writes there any more.
    pub(crate) async fn empty<R: Row>(&self, prefix: &Key) -> Result<(), Error> {
        loop {
            let rows = self.store.snapshot().page::<R>(prefix, None, ROWS_PER_COMMIT);
            if rows.is_empty() {
                return Ok(());
            }
            let txn = rows.iter().fold(Txn::new(), |txn, row| txn.delete::<R>(&row.row.key()));
            self.store.commit(txn).await.map_err(store_failure("emptying a deleted repository"))?;
        }
    }

    async fn reap_links(&self, before: Timestamp) -> Result<usize, Error> {
        let fences: Vec<_> = self.store.snapshot().all::<Contents>(&key![]).collect();
        let mut reaped = 0;
        for fence in fences {
            while let count @ 1.. = self.reap_links_of(&fence.repository, before).await? {
                reaped += count;
            }
        }
        Ok(reaped)
    }

    /// Deletes one commit's worth of a repository's links; answers how many.
    async fn reap_links_of(&self, repository: &str, before: Timestamp) -> Result<usize, Error> {
        let snapshot = self.store.snapshot();
        let Some(fence) = snapshot.get::<Contents>(&key![repository]) else { return Ok(0) };
        let unneeded: Vec<Versioned<Link>> = snapshot
            .all::<Link>(&key![repository])
            .filter(|link| link.touched_at < before && !is_needed(&snapshot, link))
            .take(ROWS_PER_COMMIT)
            .collect();
        if unneeded.is_empty() {
            return Ok(0);
        }
        let txn = Txn::new().update(&fence, &raised(&fence));
        let txn = unneeded.iter().fold(txn, |txn, link| txn.remove(link));
        match self.store.commit(txn).await {
            Ok(_) => Ok(unneeded.len()),
            Err(error) if error.is_conflict() => Ok(0),
            Err(error) => Err(store_failure("removing unneeded links")(error)),
        }
    }

    async fn reap_blobs(&self, before: Timestamp) -> Result<usize, Error> {
        let snapshot = self.store.snapshot();
        let unlinked = snapshot
            .all::<Blob>(&key![])
            .filter(|blob| blob.touched_at < before && !is_linked(&snapshot, &blob.digest));
        let unlinked: Vec<_> = unlinked.collect();
        let mut reaped = 0;
        for blob in unlinked {
            // Between the snapshot and now a link may have come and gone; only the row's own
            // version says that none came at all.
            match self.store.commit(Txn::new().remove(&blob)).await {
                Ok(_) => {
                    self.content.delete(&blob.object).await?;
                    reaped += 1;
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("removing an unlinked blob")(error)),
            }
        }
        Ok(reaped)
    }

    async fn reap_objects(&self, before: Timestamp, now: Timestamp) -> Result<usize, Error> {
        self.forget_doomed(before).await?;
        let mut after: Option<String> = None;
        let mut reaped = 0;
        loop {
            let page = self.content.objects(after.as_deref(), OBJECTS_PER_PAGE).await?;
            let Some(last) = page.last() else { return Ok(reaped) };
            after = Some(last.name.clone());
            let snapshot = self.store.snapshot();
            let nameless: Vec<&Object> = page
                .iter()
                .filter(|object| object.modified_at < before && !is_named(&snapshot, &object.name))
                .collect();
            for batch in nameless.chunks(ROWS_PER_COMMIT) {
                reaped += self.doom(batch, now).await?;
            }
        }
    }

    /// Deletes objects that no blob names, and none that a blob comes to name meanwhile.
    async fn doom(&self, objects: &[&Object], now: Timestamp) -> Result<usize, Error> {
        let row = |object: &&Object| Doomed { object: object.name.clone(), doomed_at: now };
        let txn = objects.iter().fold(Txn::new(), |txn, object| txn.put(&row(object)));
        self.store.commit(txn).await.map_err(store_failure("dooming nameless objects"))?;
        // Whatever is not named now never will be.
        let snapshot = self.store.snapshot();
        let mut reaped = 0;
        for object in objects.iter().filter(|object| !is_named(&snapshot, &object.name)) {
            self.content.delete(&object.name).await?;
            reaped += 1;
        }
        Ok(reaped)
    }

    /// Removes marks so old that no push can still hold the object.
    async fn forget_doomed(&self, before: Timestamp) -> Result<(), Error> {
        let snapshot = self.store.snapshot();
        let old: Vec<_> = snapshot.all::<Doomed>(&key![]).filter(|row| row.doomed_at < before).collect();
        for batch in old.chunks(ROWS_PER_COMMIT) {
            let txn = batch.iter().fold(Txn::new(), |txn, row| txn.delete::<Doomed>(&row.row.key()));
            self.store.commit(txn).await.map_err(store_failure("forgetting doomed objects"))?;
        }
        Ok(())
    }
}

/// Whether a blob's row names the object.
fn is_named(snapshot: &Snapshot, object: &str) -> bool {
    !snapshot.page_by::<Blob>("object", &key![object], None, 1).is_empty()
}

/// Whether an image of the link's repository needs the blob, or is it, or its scan made it.
pub(crate) fn is_needed(snapshot: &Snapshot, link: &Link) -> bool {
    let place = key![link.repository, link.digest.as_str()];
    snapshot.get::<Image>(&place).is_some()
        || !snapshot.page_by::<Image>("blob", &place, None, 1).is_empty()
        || !snapshot.page_by::<Scan>("kept", &place, None, 1).is_empty()
}

fn is_linked(snapshot: &Snapshot, digest: &Digest) -> bool {
    !snapshot.page_by::<Link>("digest", &key![digest.as_str()], None, 1).is_empty()
}
