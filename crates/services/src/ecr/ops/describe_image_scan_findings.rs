//! DescribeImageScanFindings: what the last scan of an image found, the worst first.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::ops::NamedImage;
use crate::ecr::page;
use crate::ecr::scanning;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeImageScanFindings {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:DescribeImageScanFindings", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let registry = &ctx.cloud.registry;
        let named =
            NamedImage::find(ctx, input.registry_id.as_ref(), &input.repository_name, &input.image_id)?;
        let NamedImage { repository, image, .. } = &named;
        let scan = registry.scan(repository, &image.digest).ok_or_else(|| Error::ScanNotFound {
            digest: image.digest.to_string(),
            name: repository.name.to_string(),
            registry: ctx.scope.account.to_string(),
        })?;
        let all = registry.findings(&scan).await.map_err(Error::from)?;
        let start: usize = page::position(input.next_token.as_ref())?.unwrap_or(0);
        let end = start.saturating_add(page::limit(input.max_results)).min(all.len());
        let next_token = (end < all.len()).then(|| page::token(&end));
        let shown: Vec<_> = all.into_iter().skip(start).take(end.saturating_sub(start)).collect();
        let findings = scanning::summary(&scan).map(|summary| shapes::ImageScanFindings {
            image_scan_completed_at: summary.image_scan_completed_at,
            vulnerability_source_updated_at: summary.vulnerability_source_updated_at,
            finding_severity_counts: summary.finding_severity_counts,
            findings: Some(shown.into_iter().map(scanning::finding).collect()),
            enhanced_findings: None,
        });
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(repository.name.to_string()),
            image_id: Some(named.id()),
            image_scan_status: Some(scanning::status(&scan)),
            image_scan_findings: findings,
            next_token,
        })
    }
}
