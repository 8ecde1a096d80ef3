//! StartImageScan: looks through an image for packages with known vulnerabilities.
//!
//! Deviation: an image may be scanned any number of times a day. The vulnerabilities are the
//! operator's (`--vulnerability-db`); without them a scan is refused.

use registry::StorageClass;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::ops::NamedImage;
use crate::ecr::scanning;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::StartImageScan {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:StartImageScan", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let registry = &ctx.cloud.registry;
        let named =
            NamedImage::find(ctx, input.registry_id.as_ref(), &input.repository_name, &input.image_id)?;
        let NamedImage { repository, image, .. } = &named;
        if !image.manifests.is_empty()
            || image.media_type.contains("index")
            || image.media_type.contains("list")
        {
            return Err(Error::UnsupportedImageType.into());
        }
        if image.storage == StorageClass::Archive {
            return Err(Error::ImageArchived(image.digest.to_string()).into());
        }
        if !registry.can_scan() {
            return Err(Error::NoVulnerabilities.into());
        }
        let scan = registry.start_scan(repository, &image.digest, ctx.now).await.map_err(Error::from)?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(repository.name.to_string()),
            image_id: Some(named.id()),
            image_scan_status: Some(scanning::status(&scan)),
        })
    }
}
