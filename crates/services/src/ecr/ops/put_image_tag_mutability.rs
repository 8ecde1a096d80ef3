//! PutImageTagMutability: whether tags may be moved from now on.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::PutImageTagMutability {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:PutImageTagMutability", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let filters = input.image_tag_mutability_exclusion_filters.as_ref();
        let mutability = parse::mutability(Some(&input.image_tag_mutability), filters)?;
        let change = |repository: &mut registry::tables::Repository| {
            repository.mutability = mutability.clone();
            Ok(())
        };
        ctx.cloud.registry.change_repository::<_, Error>(&ctx.scope, &name, change).await?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_name: Some(name.to_string()),
            image_tag_mutability: Some(mutability.mode.as_str().to_owned()),
            image_tag_mutability_exclusion_filters: parse::exclusions(&mutability),
        })
    }
}
