//! StartImageScan: looks through an image for packages with known vulnerabilities.
//!
//! Deviation: an image may be scanned any number of times a day. The vulnerabilities are the
//! operator's (`--vulnerability-db`); without them a scan is refused.

use registry::{Reference, StorageClass};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::scanning;
use crate::ecr::wire as parse;
use crate::ecr::wire::ImageId;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::StartImageScan {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:StartImageScan", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let registry = &ctx.cloud.registry;
        let repository = registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let refused = |failed: parse::ImageFailed| Error::parameter("imageId", failed.reason);
        let id = ImageId::parse(&input.image_id).map_err(refused)?;
        let image = registry.image(&repository, &id.reference()).map_err(Error::from)?;
        id.agrees(&image).map_err(refused)?;
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
        let scan = registry.start_scan(&repository, &image.digest, ctx.now).await.map_err(Error::from)?;
        let tag = match id.reference() {
            Reference::Tag(tag) => Some(tag),
            Reference::Digest(_) => None,
        };
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(name.to_string()),
            image_id: Some(parse::identifier(&image.digest, tag.as_ref())),
            image_scan_status: Some(scanning::status(&scan)),
        })
    }
}
