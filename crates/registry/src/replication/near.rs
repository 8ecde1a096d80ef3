//! Copies in another region of the same account: the blobs are there already.

use model::ecr::{Digest, ImageTag};
use model::{Region, Scope, Timestamp};
use store::key;

use super::{MAX_DEPTH, Withdrawn};
use crate::Registry;
use crate::error::Error;
use crate::images::Reference;
use crate::push::Push;
use crate::tables::{Image, Repository, Tag};
use crate::templates::Occasion;

impl Registry {
    pub(super) async fn copy_near(
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
                Box::pin(self.copy_near(source, child, region, now, depth + 1)).await?;
            }
        }
        self.push(&scope, &source.name, self.pushed_again(source, &image).await?, now).await.map(|_| ())
    }

    pub(super) async fn withdraw_near(
        &self,
        source: &Repository,
        what: &Withdrawn,
        region: &Region,
    ) -> Result<(), Error> {
        let scope = Scope::new(source.scope.account.clone(), region.clone());
        let gone = match self.repository(&scope, &source.name) {
            Ok(target) => match what {
                Withdrawn::Tag(tag) => self.untag_here_and(&target, tag, &[]).await.map(|_| ()),
                Withdrawn::Image(digest) => {
                    self.delete_image_here_and(&target, digest, &[]).await.map(|_| ())
                }
            },
            Err(error) => Err(error),
        };
        match gone {
            // It is gone, whoever did it.
            Err(Error::ManifestUnknown { .. } | Error::RepositoryUnknown { .. }) => Ok(()),
            other => other,
        }
    }

    /// The push that makes the same image, with its tags of this moment.
    pub(super) async fn pushed_again(&self, source: &Repository, image: &Image) -> Result<Push, Error> {
        Ok(Push {
            manifest: self.manifest(image).await?,
            media_type: Some(image.media_type.clone()),
            tags: self.tags_now(source, image),
            digest: Some(image.digest.clone()),
            is_copy: true,
            is_sparse: false,
        })
    }

    /// As many tags of an image as one push takes.
    pub(super) fn tags_now(&self, source: &Repository, image: &Image) -> Vec<ImageTag> {
        let of = key![source.id, image.digest.as_str()];
        let tags = self.store.snapshot().page_by::<Tag>("image", &of, None, crate::push::MAX_TAGS);
        tags.iter().map(|row| row.tag.clone()).collect()
    }
}
