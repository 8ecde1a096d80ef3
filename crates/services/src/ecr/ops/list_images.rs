//! ListImages: one entry for each tag of an image, one for an image without.

use model::ecr::{Digest, ImageTag};
use registry::Registry;
use registry::tables::Repository;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::page;
use crate::ecr::wire as parse;
use crate::ecr::wire::ImageFilter;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ListImages {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:ListImages", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let registry = &ctx.cloud.registry;
        let repository = registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let after: Option<Position> = page::position(input.next_token.as_ref())?;
        let given = input.filter.unwrap_or_default();
        let filter = ImageFilter::parse(given.tag_status.as_ref(), given.image_status.as_ref());
        let limit = page::limit(input.max_results);
        let mut entries = entries(registry, &repository, after.as_ref(), filter, limit + 1);
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next_token = entries.last().filter(|_| more).map(page::token);
        let ids = entries.iter().map(|(digest, tag)| parse::identifier(digest, tag.as_ref())).collect();
        Ok(Self::Output { image_ids: Some(ids), next_token })
    }
}

/// An entry of the list: an image and one of its tags.
type Position = (Digest, Option<ImageTag>);

/// How many images are looked at at a time.
const IMAGES_AT_A_TIME: usize = 500;

/// At most `limit` entries behind `after`, in order of digest and tag.
fn entries(
    registry: &Registry,
    repository: &Repository,
    after: Option<&Position>,
    filter: ImageFilter,
    limit: usize,
) -> Vec<Position> {
    let mut found = Vec::new();
    if let Some((digest, Some(tag))) = after {
        // The image passed when the page before was made.
        let rest = registry.tags_of(repository, digest).into_iter().filter(|other| other > tag);
        found.extend(rest.map(|tag| (digest.clone(), Some(tag))));
    }
    let mut behind = after.map(|(digest, _)| digest.clone());
    while found.len() < limit {
        let images = registry.images(repository, behind.as_ref(), IMAGES_AT_A_TIME);
        let Some(last) = images.last() else { break };
        behind = Some(last.digest.clone());
        for image in &images {
            let tags = registry.tags_of(repository, &image.digest);
            if !filter.passes(image, !tags.is_empty()) {
                continue;
            }
            if tags.is_empty() {
                found.push((image.digest.clone(), None));
            }
            found.extend(tags.into_iter().map(|tag| (image.digest.clone(), Some(tag))));
        }
    }
    found.truncate(limit);
    found
}
