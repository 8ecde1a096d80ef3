//! PutLifecyclePolicy: which images are to expire. The reaper acts on it.

use registry::tables::{Lifecycle, Repository};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::PutLifecyclePolicy {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:PutLifecyclePolicy", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        parse::lifecycle(&input.lifecycle_policy_text)?;
        let change = |repository: &mut Repository| {
            let text = input.lifecycle_policy_text.clone();
            repository.lifecycle = Some(Lifecycle { text, evaluated_at: None });
            Ok(())
        };
        ctx.cloud.registry.change_repository::<_, Error>(&ctx.scope, &name, change).await?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(name.to_string()),
            lifecycle_policy_text: Some(input.lifecycle_policy_text),
        })
    }
}
