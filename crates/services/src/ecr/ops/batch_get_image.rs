//! BatchGetImage: manifests by tag or digest; what is not there is a failure of its own.

use registry::StorageClass;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::ecr::wire::{ImageFailed, ImageId};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::BatchGetImage {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:BatchGetImage", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let registry = &ctx.cloud.registry;
        let repository = registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for id in &input.image_ids {
            let found = ImageId::parse(id).and_then(|wanted| {
                let image =
                    registry.image(&repository, &wanted.reference()).map_err(|_| ImageFailed::not_found())?;
                wanted.agrees(&image)?;
                match image.storage {
                    StorageClass::Standard => Ok((image, wanted.tag)),
                    StorageClass::Archive => Err(ImageFailed::archived()),
                }
            });
            let (image, tag) = match found {
                Ok(found) => found,
                Err(failed) => {
                    failures.push(failed.of(id));
                    continue;
                }
            };
            let caller = ctx.principal.arn.to_string();
            let manifest = registry.pull(&image, &ctx.scope, &caller, ctx.now).await.map_err(Error::from)?;
            images.push(shapes::Image {
                registry_id: Some(ctx.scope.account.to_string()),
                repository_name: Some(name.to_string()),
                image_id: Some(parse::identifier(&image.digest, tag.as_ref())),
                image_manifest: Some(String::from_utf8_lossy(&manifest).into_owned()),
                image_manifest_media_type: Some(image.media_type.clone()),
            });
        }
        Ok(Self::Output { images: Some(images), failures: Some(failures) })
    }
}
