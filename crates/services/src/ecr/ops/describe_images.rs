//! DescribeImages: the named images, or all in the order of their digests.

use model::ecr::Digest;
use registry::Registry;
use registry::tables::{Image, Repository};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::page;
use crate::ecr::scanning;
use crate::ecr::wire as parse;
use crate::ecr::wire::{ImageFilter, ImageId};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeImages {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:DescribeImages", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let registry = &ctx.cloud.registry;
        let repository = registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        if let Some(ids) = &input.image_ids {
            if input.next_token.is_some() || input.max_results.is_some() {
                let why = "imageIds cannot be specified with nextToken or maxResults";
                return Err(Error::parameter("imageIds", why).into());
            }
            let details = named(registry, &repository, ids)?;
            return Ok(Self::Output { image_details: Some(details), next_token: None });
        }
        let after: Option<Digest> = page::position(input.next_token.as_ref())?;
        let given = input.filter.unwrap_or_default();
        let filter = ImageFilter::parse(given.tag_status.as_ref(), given.image_status.as_ref());
        let limit = page::limit(input.max_results);
        let (details, more) = all(registry, &repository, after, filter, limit);
        let next_token =
            details.last().filter(|_| more).and_then(|last| last.image_digest.as_ref()).map(page::token);
        Ok(Self::Output { image_details: Some(details), next_token })
    }
}

/// How many images are looked at at a time.
const IMAGES_AT_A_TIME: usize = 500;

/// The images that are named; each once, however often it is named.
fn named(
    registry: &Registry,
    repository: &Repository,
    ids: &[shapes::ImageIdentifier],
) -> Result<Vec<shapes::ImageDetail>, Error> {
    let mut images = Vec::with_capacity(ids.len());
    for id in ids {
        let refused = |failed: parse::ImageFailed| Error::parameter("imageIds", failed.reason);
        let id = ImageId::parse(id).map_err(refused)?;
        let image = registry.image(repository, &id.reference())?;
        id.agrees(&image).map_err(refused)?;
        images.push(image);
    }
    images.sort_by(|a, b| a.digest.cmp(&b.digest));
    images.dedup_by(|a, b| a.digest == b.digest);
    Ok(images.iter().map(|image| detail(registry, repository, image)).collect())
}

/// At most `limit` images behind `after`, and whether there are more.
fn all(
    registry: &Registry,
    repository: &Repository,
    mut after: Option<Digest>,
    filter: ImageFilter,
    limit: usize,
) -> (Vec<shapes::ImageDetail>, bool) {
    let mut details = Vec::new();
    loop {
        let images = registry.images(repository, after.as_ref(), IMAGES_AT_A_TIME);
        let Some(last) = images.last() else { return (details, false) };
        after = Some(last.digest.clone());
        for image in &images {
            let detail = detail(registry, repository, image);
            if !filter.passes(image, detail.image_tags.is_some()) {
                continue;
            }
            if details.len() == limit {
                return (details, true);
            }
            details.push(detail);
        }
    }
}

fn detail(registry: &Registry, repository: &Repository, image: &Image) -> shapes::ImageDetail {
    let tags: Vec<_> = registry.tags_of(repository, &image.digest).iter().map(ToString::to_string).collect();
    let scan = registry.scan(repository, &image.digest);
    shapes::ImageDetail {
        registry_id: Some(repository.scope.account.to_string()),
        repository_name: Some(repository.name.to_string()),
        image_digest: Some(image.digest.to_string()),
        image_tags: (!tags.is_empty()).then_some(tags),
        image_size_in_bytes: Some(size(registry, repository, image)),
        image_pushed_at: Some(image.pushed_at.as_millis()),
        image_manifest_media_type: Some(image.media_type.clone()),
        artifact_media_type: image.artifact_type.clone(),
        last_recorded_pull_time: image.pulled_at.map(|time| time.as_millis()),
        subject_manifest_digest: image.subject.as_ref().map(Digest::to_string),
        image_status: Some(parse::image_status(image.storage).to_owned()),
        last_archived_at: image.archived_at.map(|time| time.as_millis()),
        last_activated_at: image.activated_at.map(|time| time.as_millis()),
        image_scan_status: scan.as_deref().map(scanning::status),
        image_scan_findings_summary: scan.as_deref().and_then(scanning::summary),
    }
}

/// The size of an image; of an index the largest of its images, as ECR has it.
fn size(registry: &Registry, repository: &Repository, image: &Image) -> i64 {
    let child = |digest: &Digest| {
        let reference = registry::Reference::Digest(digest.clone());
        registry.image(repository, &reference).map_or(0, |image| image.image_size)
    };
    let size = image.manifests.iter().map(child).max().unwrap_or(image.image_size);
    i64::try_from(size).unwrap_or(i64::MAX)
}
