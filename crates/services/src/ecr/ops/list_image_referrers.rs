//! ListImageReferrers: the artifacts that are about an image.

use model::ecr::Digest;
use registry::tables::Image;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::page;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ListImageReferrers {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:ListImageReferrers", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let registry = &ctx.cloud.registry;
        let repository = registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let subject: Digest = input.subject_id.image_digest.parse().map_err(|_| {
            Error::parameter(
                "subjectId.imageDigest",
                "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
            )
        })?;
        let wanted = input.filter.and_then(|filter| filter.artifact_types).unwrap_or_default();
        let limit = input.max_results.and_then(|wanted| usize::try_from(wanted).ok()).unwrap_or(MAX_RESULTS);
        let mut after: Option<Digest> = page::position(input.next_token.as_ref())?;
        let mut found = Vec::new();
        let next = loop {
            let page = registry.referrers(&repository, &subject, None, after.as_ref(), limit);
            let passes = |image: &&Image| {
                wanted.is_empty() || image.artifact_type.as_ref().is_some_and(|kind| wanted.contains(kind))
            };
            for image in page.images.iter().map(|row| &**row).filter(passes) {
                if found.len() < limit {
                    after = Some(image.digest.clone());
                    found.push(referrer(image));
                }
            }
            match page.next {
                Some(_) if found.len() == limit => break after.as_ref().map(page::token),
                Some(next) => after = Some(next),
                None => break None,
            }
        };
        Ok(Self::Output { referrers: Some(found), next_token: next })
    }
}

/// The most results of a page, and how many there are when the caller names no number.
const MAX_RESULTS: usize = 50;

fn referrer(image: &Image) -> shapes::ImageReferrer {
    shapes::ImageReferrer {
        digest: image.digest.to_string(),
        media_type: image.media_type.clone(),
        artifact_type: image.artifact_type.clone(),
        size: i64::try_from(image.manifest_size).unwrap_or(i64::MAX),
        annotations: (!image.annotations.is_empty()).then(|| image.annotations.clone()),
        artifact_status: Some("ACTIVE".into()),
    }
}
