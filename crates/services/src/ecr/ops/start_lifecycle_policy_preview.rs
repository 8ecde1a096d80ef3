//! StartLifecyclePolicyPreview: names the policy that GetLifecyclePolicyPreview shows the effect of.

use registry::tables::Repository;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::ops::lifecycle_policy_missing;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::StartLifecyclePolicyPreview {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:StartLifecyclePolicyPreview", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let change = |repository: &mut Repository| {
            let own = || repository.lifecycle.as_ref().map(|lifecycle| lifecycle.text.clone());
            let text = input.lifecycle_policy_text.clone().or_else(own);
            let text = text.ok_or_else(|| lifecycle_policy_missing(ctx, &name))?;
            parse::lifecycle(&text)?;
            repository.preview = Some(text.clone());
            Ok(text)
        };
        let (_, text) = ctx.cloud.registry.change_repository::<_, Error>(&ctx.scope, &name, change).await?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(name.to_string()),
            lifecycle_policy_text: Some(text),
            status: Some("IN_PROGRESS".into()),
        })
    }
}
