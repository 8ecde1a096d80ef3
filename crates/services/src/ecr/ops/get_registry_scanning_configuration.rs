//! GetRegistryScanningConfiguration: which repositories are scanned when.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::scanning;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetRegistryScanningConfiguration {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:GetRegistryScanningConfiguration")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let shapes::GetRegistryScanningConfigurationRequest {} = input;
        let settings = ctx.cloud.registry.settings(&ctx.scope);
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            scanning_configuration: Some(scanning::configuration(&settings)),
        })
    }
}
