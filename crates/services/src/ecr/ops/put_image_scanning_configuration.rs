//! PutImageScanningConfiguration: whether a push is scanned.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::PutImageScanningConfiguration {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:PutImageScanningConfiguration", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let scan_on_push = input.image_scanning_configuration.scan_on_push.unwrap_or(false);
        let change = |repository: &mut registry::tables::Repository| {
            repository.scan_on_push = scan_on_push;
            Ok(())
        };
        let (repository, ()) =
            ctx.cloud.registry.change_repository::<_, Error>(&ctx.scope, &name, change).await?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(name.to_string()),
            image_scanning_configuration: Some(parse::scanning(&repository)),
        })
    }
}
