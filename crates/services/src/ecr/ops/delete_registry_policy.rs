//! DeleteRegistryPolicy: answers the policy that was there.

use registry::tables::RegistrySettings;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeleteRegistryPolicy {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:DeleteRegistryPolicy")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let shapes::DeleteRegistryPolicyRequest {} = input;
        let account = ctx.scope.account.to_string();
        let change = |settings: &mut RegistrySettings| {
            settings.policy.take().ok_or_else(|| Error::RegistryPolicyNotFound(account.clone()))
        };
        let policy = ctx.cloud.registry.change_settings::<_, Error>(&ctx.scope, change).await?;
        Ok(Self::Output { registry_id: Some(account), policy_text: Some(policy) })
    }
}
