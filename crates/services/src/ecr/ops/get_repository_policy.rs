//! GetRepositoryPolicy: the policy as it was given.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::ops::repository_policy_missing;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetRepositoryPolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:GetRepositoryPolicy", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let repository = ctx.cloud.registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let policy = repository.policy.clone().ok_or_else(|| repository_policy_missing(ctx, &name))?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(name.to_string()),
            policy_text: Some(policy),
        })
    }
}
