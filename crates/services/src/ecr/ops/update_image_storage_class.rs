//! UpdateImageStorageClass: archives an image, or brings it back, which takes no time here.

use registry::{Reference, StorageClass};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::ecr::wire::ImageId;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::UpdateImageStorageClass {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:UpdateImageStorageClass", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let registry = &ctx.cloud.registry;
        let repository = registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let refused = |failed: parse::ImageFailed| Error::parameter("imageId", failed.reason);
        let id = ImageId::parse(&input.image_id).map_err(refused)?;
        let image = registry.image(&repository, &id.reference()).map_err(Error::from)?;
        id.agrees(&image).map_err(refused)?;
        // The model's enum was checked with the input.
        let class = match input.target_storage_class.as_str() {
            "ARCHIVE" => StorageClass::Archive,
            _standard => StorageClass::Standard,
        };
        let moved =
            registry.store_as(&repository, &image.digest, class, ctx.now).await.map_err(Error::from)?;
        let tag = match id.reference() {
            Reference::Tag(tag) => Some(tag),
            Reference::Digest(_) => None,
        };
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(name.to_string()),
            image_id: Some(parse::identifier(&moved.digest, tag.as_ref())),
            image_status: Some(parse::image_status(moved.storage).to_owned()),
        })
    }
}
