//! CompleteLayerUpload: the parts become a layer, if their digest is the promised one.

use futures_util::stream;
use registry::{Chunk, Error as RegistryError};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::ops::upload_unknown;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CompleteLayerUpload {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:CompleteLayerUpload", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let registry = &ctx.cloud.registry;
        let repository = registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let id = &input.upload_id;
        let Some(digest) = input.layer_digests.first() else {
            return Err(Error::parameter(
                "layerDigests",
                "Member must have length greater than or equal to 1",
            )
            .into());
        };
        let digest = parse::layer_digest(digest)?;
        let known = |error| match error {
            RegistryError::UploadUnknown(_) => upload_unknown(ctx, &name, id),
            RegistryError::DigestMismatch { .. } => Error::LayerDigestMismatch,
            other => other.into(),
        };
        if registry.upload_size(&repository, id).await.map_err(known)? == 0 {
            return Err(Error::EmptyUpload.into());
        }
        if registry.link(&repository, &digest).is_ok() {
            registry.cancel_upload(&repository, id).await.map_err(known)?;
            return Err(Error::LayerAlreadyExists(format!(
                "Layer with digest '{digest}' already exists in the repository with name '{name}' in registry with id '{}'",
                ctx.scope.account
            ))
            .into());
        }
        let nothing = Chunk { range: None, bytes: Box::pin(stream::empty()) };
        registry.finish_upload(&repository, id, nothing, &digest, ctx.now).await.map_err(known)?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(name.to_string()),
            upload_id: Some(id.clone()),
            layer_digest: Some(digest.to_string()),
        })
    }
}
