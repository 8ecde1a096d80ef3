//! PutImage: the manifest of an image whose layers are in the repository.

use model::ecr::{Digest, ImageTag};
use registry::{Error as RegistryError, Push};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::PutImage {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:PutImage", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let tag: Option<ImageTag> = input.image_tag.as_deref().map(str::parse).transpose().map_err(|_| {
            Error::parameter(
                "imageTag",
                "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,299}'",
            )
        })?;
        let digest: Option<Digest> =
            input.image_digest.as_deref().map(str::parse).transpose().map_err(|_| {
                Error::parameter(
                    "imageDigest",
                    "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
                )
            })?;
        let push = Push {
            manifest: input.image_manifest.clone().into(),
            media_type: input.image_manifest_media_type,
            tags: tag.iter().cloned().collect(),
            digest,
            is_copy: false,
            is_sparse: false,
        };
        let pushed =
            ctx.cloud.registry.push(&ctx.scope, &name, push, ctx.now).await.map_err(|error| match error {
                RegistryError::DigestMismatch { .. } => Error::ImageDigestMismatch,
                other => other.into(),
            })?;
        let digest = &pushed.image.digest;
        if !pushed.image_is_new && !pushed.tag_moved {
            let tagged = tag.map(|tag| format!(" and tag '{tag}'")).unwrap_or_default();
            return Err(Error::ImageAlreadyExists(format!(
                "Image with digest '{digest}'{tagged} already exists in the repository with name '{name}' in registry with id '{}'",
                ctx.scope.account
            ))
            .into());
        }
        Ok(Self::Output {
            image: Some(shapes::Image {
                registry_id: Some(ctx.scope.account.to_string()),
                repository_name: Some(name.to_string()),
                image_id: Some(parse::identifier(digest, tag.as_ref())),
                image_manifest: Some(input.image_manifest),
                image_manifest_media_type: Some(pushed.image.media_type),
            }),
        })
    }
}
