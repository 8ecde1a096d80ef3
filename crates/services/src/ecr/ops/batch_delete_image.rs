//! BatchDeleteImage: by tag (the last tag takes the image with it) or by digest (with all tags).

use model::ecr::Digest;
use registry::Registry;
use registry::tables::{Image, Repository};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::ecr::wire::{ImageFailed, ImageId};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::BatchDeleteImage {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:BatchDeleteImage", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let registry = &ctx.cloud.registry;
        let repository = registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let (mut gone, mut failures) = (Vec::new(), Vec::new());
        let mut wanted = Vec::new();
        for id in &input.image_ids {
            match find(registry, &repository, id) {
                Ok(found) => wanted.push((id, found)),
                Err(failed) => failures.push(failed.of(id)),
            }
        }
        // Indexes first: what they list may be in the same batch.
        wanted.sort_by_key(|(_, (image, _))| image.manifests.is_empty());
        for (id, (image, parsed)) in wanted {
            match delete(registry, &repository, &image, &parsed).await? {
                Ok(ids) => gone.extend(ids),
                Err(failed) => failures.push(failed.of(id)),
            }
        }
        Ok(Self::Output { image_ids: Some(gone), failures: Some(failures) })
    }
}

fn find(
    registry: &Registry,
    repository: &Repository,
    id: &shapes::ImageIdentifier,
) -> Result<(Image, ImageId), ImageFailed> {
    let parsed = ImageId::parse(id)?;
    let image = registry.image(repository, &parsed.reference()).map_err(|_| ImageFailed::not_found())?;
    parsed.agrees(&image)?;
    Ok((Image::clone(&image), parsed))
}

/// Deletes one image or tag. The outer error fails the request, the inner one this entry.
async fn delete(
    registry: &Registry,
    repository: &Repository,
    image: &Image,
    id: &ImageId,
) -> Result<Result<Vec<shapes::ImageIdentifier>, ImageFailed>, Error> {
    let digest = &image.digest;
    if let Some(tag) = &id.tag
        && registry.tags_of(repository, digest).len() > 1
    {
        let untagged = registry.untag(repository, tag).await;
        return gone(untagged.map(|_| vec![parse::identifier(digest, Some(tag))]));
    }
    let parents = registry.parents_of(repository, digest);
    if !parents.is_empty() {
        let parents = parents.iter().map(Digest::as_str).collect::<Vec<_>>().join(", ");
        let reason = format!("Requested image referenced by manifest list: [{parents}]");
        return Ok(Err(ImageFailed::new("ImageReferencedByManifestList", reason)));
    }
    gone(registry.delete_image(repository, digest).await.map(|tags| {
        if tags.is_empty() {
            return vec![parse::identifier(digest, None)];
        }
        tags.iter().map(|tag| parse::identifier(digest, Some(tag))).collect()
    }))
}

/// An image that another request deleted meanwhile is not found.
fn gone(
    deleted: Result<Vec<shapes::ImageIdentifier>, registry::Error>,
) -> Result<Result<Vec<shapes::ImageIdentifier>, ImageFailed>, Error> {
    match deleted {
        Ok(ids) => Ok(Ok(ids)),
        Err(registry::Error::ManifestUnknown { .. }) => Ok(Err(ImageFailed::not_found())),
        Err(error) => Err(error.into()),
    }
}
