//! ListTagsForResource: the tags of a repository.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ListTagsForResource {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("ecr:ListTagsForResource", &input.resource_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_of_arn(ctx, &input.resource_arn)?;
        let repository = ctx.cloud.registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        Ok(Self::Output { tags: Some(parse::tag_list(&repository.tags)) })
    }
}
