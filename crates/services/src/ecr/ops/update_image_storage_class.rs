//! UpdateImageStorageClass: archives an image, or brings it back, which takes no time here.

use registry::StorageClass;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::ops::NamedImage;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::UpdateImageStorageClass {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:UpdateImageStorageClass", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let registry = &ctx.cloud.registry;
        let named =
            NamedImage::find(ctx, input.registry_id.as_ref(), &input.repository_name, &input.image_id)?;
        let NamedImage { repository, image, .. } = &named;
        // The model's enum was checked with the input.
        let class = match input.target_storage_class.as_str() {
            "ARCHIVE" => StorageClass::Archive,
            _standard => StorageClass::Standard,
        };
        let moved =
            registry.store_as(repository, &image.digest, class, ctx.now).await.map_err(Error::from)?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(repository.name.to_string()),
            image_id: Some(named.id()),
            image_status: Some(parse::image_status(moved.storage).to_owned()),
        })
    }
}
