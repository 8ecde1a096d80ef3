//! CreateRepository: a repository is there or it is not; only a creation template lets pushes make one.
//!
//! Deviation: encryption by AWS KMS is refused.

use registry::NewRepository;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CreateRepository {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:CreateRepository", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let filters = input.image_tag_mutability_exclusion_filters.as_ref();
        let new = NewRepository {
            mutability: parse::mutability(input.image_tag_mutability.as_ref(), filters)?,
            scan_on_push: input.image_scanning_configuration.and_then(|c| c.scan_on_push).unwrap_or(false),
            encryption: parse::encryption(input.encryption_configuration)?,
            tags: parse::tags(input.tags)?,
            ..NewRepository::plain(name)
        };
        let made =
            ctx.cloud.registry.create_repository(&ctx.scope, new, ctx.now).await.map_err(Error::from)?;
        Ok(Self::Output { repository: Some(parse::repository(ctx, &made)) })
    }
}
