//! UntagResource: removes tags of a repository; keys that it has not are no error.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::UntagResource {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("ecr:UntagResource", &input.resource_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_of_arn(ctx, &input.resource_arn)?;
        let change = |repository: &mut registry::tables::Repository| {
            repository.tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        };
        ctx.cloud.registry.change_repository::<_, Error>(&ctx.scope, &name, change).await?;
        Ok(Self::Output {})
    }
}
