//! GetLifecyclePolicy: the policy as it was given, and when it was last acted on.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::ops::lifecycle_policy_missing;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetLifecyclePolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:GetLifecyclePolicy", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let repository = ctx.cloud.registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let lifecycle = repository.lifecycle.clone().ok_or_else(|| lifecycle_policy_missing(ctx, &name))?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(name.to_string()),
            lifecycle_policy_text: Some(lifecycle.text),
            // ECR answers the epoch for a policy that was never evaluated.
            last_evaluated_at: Some(lifecycle.evaluated_at.unwrap_or_default().as_millis()),
        })
    }
}
