//! DeleteRepositoryCreationTemplate: repositories made by it stay.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::template;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeleteRepositoryCreationTemplate {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:DeleteRepositoryCreationTemplate")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let gone =
            ctx.cloud.registry.delete_template(&ctx.scope, &input.prefix).await.map_err(Error::from)?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_creation_template: Some(template::shape(&gone)),
        })
    }
}
