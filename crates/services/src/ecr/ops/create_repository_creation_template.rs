//! CreateRepositoryCreationTemplate: what repositories look like that nobody creates by hand.
//!
//! Deviation: the role is recorded; nothing needs to be assumed to create a repository here.

use registry::tables::Template;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::template;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CreateRepositoryCreationTemplate {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:CreateRepositoryCreationTemplate")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let filters = input.image_tag_mutability_exclusion_filters.as_ref();
        template::policies(input.repository_policy.as_ref(), input.lifecycle_policy.as_ref())?;
        let made = Template {
            scope: ctx.scope.clone(),
            prefix: input.prefix,
            description: input.description,
            encryption: template::encryption(input.encryption_configuration)?,
            tags: parse::tags(input.resource_tags)?,
            mutability: parse::mutability(input.image_tag_mutability.as_ref(), filters)?,
            policy: template::text(input.repository_policy),
            lifecycle: template::text(input.lifecycle_policy),
            occasions: template::occasions(&input.applied_for)?,
            role: input.custom_role_arn,
            created_at: ctx.now,
            updated_at: ctx.now,
        };
        ctx.cloud.registry.create_template(&made).await.map_err(Error::from)?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_creation_template: Some(template::shape(&made)),
        })
    }
}
