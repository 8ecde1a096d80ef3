//! PutRegistryPolicy: who else may use the registry.
//!
//! It is asked with the callers' own policies, by the API and by docker's tokens alike: see `access`.

use registry::tables::RegistrySettings;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::PutRegistryPolicy {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:PutRegistryPolicy")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        parse::policy("PolicyText", &input.policy_text)?;
        let change = |settings: &mut RegistrySettings| {
            settings.policy = Some(input.policy_text.clone());
            Ok(())
        };
        ctx.cloud.registry.change_settings::<_, Error>(&ctx.scope, change).await?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            policy_text: Some(input.policy_text),
        })
    }
}
