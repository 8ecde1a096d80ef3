//! DeleteRepository: one with images only by `force`.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeleteRepository {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:DeleteRepository", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let force = input.force.unwrap_or(false);
        let deleted = ctx.cloud.registry.delete_repository(&ctx.scope, &name, force, ctx.now).await;
        let deleted = deleted.map_err(Error::from)?;
        Ok(Self::Output { repository: Some(parse::repository(ctx, &deleted)) })
    }
}
