//! SetRepositoryPolicy: who else may use a repository.
//!
//! It is asked with the callers' own policies, by the API and by docker's tokens alike: see `access`.

use registry::tables::Repository;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::SetRepositoryPolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:SetRepositoryPolicy", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        parse::policy("PolicyText", &input.policy_text)?;
        let change = |repository: &mut Repository| {
            repository.policy = Some(input.policy_text.clone());
            Ok(())
        };
        ctx.cloud.registry.change_repository::<_, Error>(&ctx.scope, &name, change).await?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(name.to_string()),
            policy_text: Some(input.policy_text),
        })
    }
}
