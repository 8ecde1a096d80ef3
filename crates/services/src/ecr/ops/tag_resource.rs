//! TagResource: adds tags to a repository, or replaces their values.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::TagResource {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("ecr:TagResource", &input.resource_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_of_arn(ctx, &input.resource_arn)?;
        let tags = parse::tags(Some(input.tags))?;
        let change = |repository: &mut registry::tables::Repository| {
            repository.tags.extend(tags.clone());
            parse::within_limit(&repository.tags)
        };
        ctx.cloud.registry.change_repository::<_, Error>(&ctx.scope, &name, change).await?;
        Ok(Self::Output {})
    }
}
