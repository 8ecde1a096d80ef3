//! PutRegistryScanningConfiguration: which repositories are scanned when.
//!
//! Deviation: enhanced scanning and continuous scans are refused, as there is no Amazon Inspector.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::scanning;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::PutRegistryScanningConfiguration {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:PutRegistryScanningConfiguration")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let rules = scanning::rules(input.scan_type.as_ref(), input.rules)?;
        let change = |settings: &mut registry::tables::RegistrySettings| {
            settings.scanning = rules.clone();
            Ok(scanning::configuration(settings))
        };
        let configuration = ctx.cloud.registry.change_settings::<_, Error>(&ctx.scope, change).await?;
        Ok(Self::Output { registry_scanning_configuration: Some(configuration) })
    }
}
