//! Pushing a manifest: everything that it refers to is there, the tag may be moved, and
//! then image and tag become visible in one commit.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::ecr::{Algorithm, Digest, ImageTag, RepositoryName};
use model::{Scope, Timestamp};
use store::{Snapshot, Txn, Versioned, key};

use crate::error::Error;
use crate::hashing::digest_of;
use crate::manifest::Manifest;
use crate::repositories::{fence, find, raised};
use crate::tables::{Image, Link, Replica, Repository, Scan, ScanFrequency, StorageClass, Tag};
use crate::{MAX_ATTEMPTS, Registry, store_failure};

/// The most tags of one push: a commit's operations are limited.
pub(crate) const MAX_TAGS: usize = 64;
/// How much of a manifest's annotations its row repeats.
const MAX_ROW_ANNOTATION_BYTES: usize = 8 << 10;

/// A manifest that is pushed.
#[derive(Clone, Debug)]
pub struct Push {
    /// The manifest's bytes.
    pub manifest: Bytes,
    /// Its media type, where the client says.
    pub media_type: Option<String>,
    /// The tags that are to point to it.
    pub tags: Vec<ImageTag>,
    /// The digest that it must have, where the client says.
    pub digest: Option<Digest>,
    /// Whether this is a copy from another registry, which is not copied again.
    pub is_copy: bool,
    /// Whether an index may come before the images that it lists.
    pub is_sparse: bool,
}

/// What a push did.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The image as it is now.
    pub image: Image,
    /// Whether the image was not there before, or not to be pulled.
    pub image_is_new: bool,
    /// Whether a tag was not there, or pointed elsewhere.
    pub tag_moved: bool,
}

impl Registry {
    /// Puts an image into a repository.
    pub async fn push(
        &self,
        scope: &Scope,
        name: &RepositoryName,
        push: Push,
        now: Timestamp,
    ) -> Result<Pushed, Error> {
        let manifest = Manifest::parse(&push.manifest, push.media_type.as_deref())?;
        let algorithm = push.digest.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
        let digest = digest_of(algorithm, &push.manifest);
        if let Some(expected) = push.digest.filter(|expected| *expected != digest) {
            return Err(Error::DigestMismatch { expected, found: digest });
        }
        // Refused before anything is written; decided again below, at the commit's own snapshot.
        let snapshot = self.store.snapshot();
        let repository = find(&snapshot, scope, name)?;
        references_exist(&snapshot, &repository, &manifest, push.is_sparse)?;
        tags_that_move(&snapshot, &repository, &push.tags, &digest)?;

        let settings = self.settings(scope);
        let destinations = if push.is_copy { Vec::new() } else { settings.destinations(name) };
        let size = push.manifest.len() as u64;
        self.store_small(&repository, &digest, push.manifest, now).await?;
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = self.store.snapshot();
            let repository = find(&snapshot, scope, name)?;
            references_exist(&snapshot, &repository, &manifest, push.is_sparse)?;
            let moved = tags_that_move(&snapshot, &repository, &push.tags, &digest)?;
            let tag_moved = !moved.is_empty();
            let contents = fence(&snapshot, &repository)?;
            let known = snapshot.get::<Image>(&key![repository.id, digest.as_str()]);
            let image = match &known {
                // Pushing an archived image again brings it back.
                Some(known) if known.storage == StorageClass::Archive => {
                    Image::clone(known).stored_as(StorageClass::Standard, now)
                }
                Some(known) => Image::clone(known),
                None => new_image(&repository, &manifest, &digest, size, now),
            };
            if known.as_ref().is_some_and(|known| **known == image) && !tag_moved {
                return Ok(Pushed { image, image_is_new: false, tag_moved });
            }
            let is_scanned = known.is_none()
                && !manifest.media_type.is_index()
                && settings.scan_frequency(&repository) == ScanFrequency::ScanOnPush;
            // The fence stands for all links: whoever removes one raises it.
            let mut txn = Txn::new()
                .update(&contents, &raised(&contents))
                .expect(&repository)
                .expect_present::<Link>(&key![repository.id, digest.as_str()])
                .put(&image);
            for destination in &destinations {
                txn = txn.put(&Replica::wished(&repository, &digest, destination.clone(), now));
            }
            if is_scanned {
                txn = txn.put(&Scan::wished(&repository, &digest, now));
            }
            for tag in moved {
                txn = txn.put(&Tag {
                    repository: repository.id.clone(),
                    tag: tag.clone(),
                    digest: digest.clone(),
                    tagged_at: now,
                });
            }
            let image_is_new = known.is_none();
            match self.store.commit(txn).await {
                Ok(_) => {
                    if is_scanned || !destinations.is_empty() {
                        self.work.notify_one();
                    }
                    let is_back = known.is_some_and(|known| known.storage != image.storage);
                    return Ok(Pushed { image_is_new: image_is_new || is_back, image, tag_moved });
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("pushing an image")(error)),
            }
        }
        Err(Error::Contended)
    }
}

fn new_image(
    repository: &Repository,
    manifest: &Manifest,
    digest: &Digest,
    size: u64,
    now: Timestamp,
) -> Image {
    // Only lists of referrers show annotations; long ones stay in the manifest alone.
    let shown = manifest.subject.is_some() && !manifest.annotations.is_empty();
    let bytes: usize = manifest.annotations.iter().map(|(name, value)| name.len() + value.len()).sum();
    let fits = bytes <= MAX_ROW_ANNOTATION_BYTES;
    Image {
        repository: repository.id.clone(),
        digest: digest.clone(),
        media_type: manifest.media_type.as_str().to_owned(),
        artifact_type: manifest.artifact_type.clone(),
        manifest_size: size,
        image_size: manifest.image_size,
        pushed_at: now,
        pulled_at: None,
        blobs: manifest.blobs.clone(),
        manifests: manifest.manifests.clone(),
        subject: manifest.subject.clone(),
        annotations: if shown && fits { manifest.annotations.clone() } else { BTreeMap::new() },
        annotations_apart: shown && !fits,
        storage: StorageClass::Standard,
        archived_at: None,
        activated_at: None,
    }
}

/// Refuses a manifest whose blobs or manifests are not in the repository.
fn references_exist(
    snapshot: &Snapshot,
    repository: &Repository,
    manifest: &Manifest,
    is_sparse: bool,
) -> Result<(), Error> {
    let missing = |digests: &[Digest], known: &dyn Fn(&Digest) -> bool| -> Vec<Digest> {
        digests.iter().filter(|digest| !known(digest)).cloned().collect()
    };
    let key_of = |digest: &Digest| key![repository.id, digest.as_str()];
    let (name, registry) = (repository.name.clone(), repository.scope.account.clone());
    let digests = missing(&manifest.blobs, &|digest| snapshot.get::<Link>(&key_of(digest)).is_some());
    if !digests.is_empty() {
        return Err(Error::LayersMissing { digests, name, registry });
    }
    let digests = missing(&manifest.manifests, &|digest| snapshot.get::<Image>(&key_of(digest)).is_some());
    if !digests.is_empty() && !is_sparse {
        return Err(Error::ImagesMissing { digests, name, registry });
    }
    Ok(())
}

/// The tags that change; refused when one may not.
fn tags_that_move<'a>(
    snapshot: &Snapshot,
    repository: &Versioned<Repository>,
    tags: &'a [ImageTag],
    digest: &Digest,
) -> Result<Vec<&'a ImageTag>, Error> {
    let mut moved = Vec::new();
    for tag in tags {
        match snapshot.get::<Tag>(&key![repository.id, tag.as_str()]) {
            Some(known) if known.digest == *digest => {}
            Some(_) if !repository.mutability.may_move(tag) => {
                return Err(Error::TagImmutable { tag: tag.clone(), name: repository.name.clone() });
            }
            Some(_) | None => moved.push(tag),
        }
    }
    Ok(moved)
}
