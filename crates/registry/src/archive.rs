//! Storage classes: an archived image is kept, shown and listed, but not pulled.
//!
//! ECR user guide, "Archiving an image": pulls of an archived image find nothing (404); it comes back
//! by UpdateImageStorageClass or by being pushed again. Its bytes stay where they are.

use model::Timestamp;
use model::ecr::Digest;
use serde::{Deserialize, Serialize};
use store::{Txn, Versioned, key};

use crate::error::Error;
use crate::images::{Reference, image_archived, image_unknown};
use crate::repositories::{fence, raised};
use crate::tables::{Image, Repository};
use crate::{MAX_ATTEMPTS, Registry, store_failure};

/// Where an image is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StorageClass {
    /// Ready to be pulled.
    #[default]
    Standard,
    /// To be restored before it can be pulled.
    Archive,
}

impl Registry {
    /// Finds an image that may be pulled.
    pub fn pullable(
        &self,
        repository: &Repository,
        reference: &Reference,
    ) -> Result<Versioned<Image>, Error> {
        let image = self.image(repository, reference)?;
        match image.storage {
            StorageClass::Standard => Ok(image),
            StorageClass::Archive => Err(image_archived(repository, reference)),
        }
    }

    /// Moves an image to a storage class; it may be there already.
    ///
    /// What an index in the standard class lists is not archived: the index could not be pulled.
    pub async fn store_as(
        &self,
        repository: &Repository,
        digest: &Digest,
        class: StorageClass,
        now: Timestamp,
    ) -> Result<Image, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = self.store.snapshot();
            let read = snapshot
                .get::<Image>(&key![repository.id, digest.as_str()])
                .ok_or_else(|| image_unknown(repository, &Reference::Digest(digest.clone())))?;
            if read.storage == class {
                return Ok(Image::clone(&read));
            }
            let mut parents = snapshot.all_by::<Image>("child", &key![repository.id, digest.as_str()]);
            if class == StorageClass::Archive
                && parents.any(|parent| parent.storage == StorageClass::Standard)
            {
                return Err(Error::ListedByIndex(digest.clone()));
            }
            // The fence: a push of an index that lists the image sees it as it is.
            let contents = fence(&snapshot, repository)?;
            let moved = Image::clone(&read).stored_as(class, now);
            let txn = Txn::new().update(&contents, &raised(&contents)).update(&read, &moved);
            match self.store.commit(txn).await {
                Ok(_) => return Ok(moved),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("changing an image's storage class")(error)),
            }
        }
        Err(Error::Contended)
    }
}

impl Image {
    /// The image in another storage class from `now` on.
    pub(crate) fn stored_as(mut self, class: StorageClass, now: Timestamp) -> Self {
        self.storage = class;
        match class {
            StorageClass::Standard => self.activated_at = Some(now),
            StorageClass::Archive => self.archived_at = Some(now),
        }
        self
    }
}
