//! GetRegistryPolicy: the policy as it was given.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetRegistryPolicy {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:GetRegistryPolicy")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let shapes::GetRegistryPolicyRequest {} = input;
        let account = ctx.scope.account.to_string();
        let policy = ctx.cloud.registry.settings(&ctx.scope).policy;
        let policy = policy.ok_or_else(|| Error::RegistryPolicyNotFound(account.clone()))?;
        Ok(Self::Output { registry_id: Some(account), policy_text: Some(policy) })
    }
}
