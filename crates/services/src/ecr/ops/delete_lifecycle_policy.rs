//! DeleteLifecyclePolicy: answers the policy that was there.

use registry::tables::Repository;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::ops::lifecycle_policy_missing;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeleteLifecyclePolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:DeleteLifecyclePolicy", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let change = |repository: &mut Repository| {
            repository.lifecycle.take().ok_or_else(|| lifecycle_policy_missing(ctx, &name))
        };
        let (_, lifecycle) =
            ctx.cloud.registry.change_repository::<_, Error>(&ctx.scope, &name, change).await?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(name.to_string()),
            lifecycle_policy_text: Some(lifecycle.text),
            last_evaluated_at: Some(lifecycle.evaluated_at.unwrap_or_default().as_millis()),
        })
    }
}
