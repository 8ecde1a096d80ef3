//! GetDownloadUrlForLayer: an address that downloads one layer without credentials for an hour.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::ops::LAYER_URL_LIFETIME;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetDownloadUrlForLayer {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:GetDownloadUrlForLayer", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let registry = &ctx.cloud.registry;
        let repository = registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let digest = parse::layer_digest(&input.layer_digest)?;
        let link = registry.link(&repository, &digest).map_err(|_| {
            Error::LayersNotFound(format!(
                "Layer with digest '{digest}' does not exist in the repository with name '{name}' in the registry with id '{}'",
                ctx.scope.account
            ))
        })?;
        let path = registry.download_path(&name, &link, ctx.now + LAYER_URL_LIFETIME);
        Ok(Self::Output {
            download_url: Some(format!("{}{path}", ctx.cloud.settings.endpoint)),
            layer_digest: Some(digest.to_string()),
        })
    }
}
