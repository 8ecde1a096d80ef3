//! UpdateRepositoryCreationTemplate: changes what is named and leaves the rest. Repositories that
//! exist already stay as they are.

use registry::tables::Template;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::template;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::UpdateRepositoryCreationTemplate {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:UpdateRepositoryCreationTemplate")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        template::policies(input.repository_policy.as_ref(), input.lifecycle_policy.as_ref())?;
        let prefix = input.prefix.clone();
        let change = |known: &mut Template| change(known, input.clone(), ctx);
        let changed = ctx.cloud.registry.change_template::<Error>(&ctx.scope, &prefix, change).await?;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            repository_creation_template: Some(template::shape(&changed)),
        })
    }
}

fn change(
    known: &mut Template,
    input: shapes::UpdateRepositoryCreationTemplateRequest,
    ctx: &OpCtx,
) -> Result<(), Error> {
    if input.encryption_configuration.is_some() {
        known.encryption = template::encryption(input.encryption_configuration)?;
    }
    if input.resource_tags.is_some() {
        known.tags = parse::tags(input.resource_tags)?;
    }
    if input.image_tag_mutability.is_some() {
        let filters = input.image_tag_mutability_exclusion_filters.as_ref();
        known.mutability = parse::mutability(input.image_tag_mutability.as_ref(), filters)?;
    }
    if input.repository_policy.is_some() {
        known.policy = template::text(input.repository_policy);
    }
    if input.lifecycle_policy.is_some() {
        known.lifecycle = template::text(input.lifecycle_policy);
    }
    if let Some(occasions) = &input.applied_for {
        known.occasions = template::occasions(occasions)?;
    }
    known.description = input.description.or(known.description.take());
    known.role = input.custom_role_arn.or(known.role.take());
    known.updated_at = ctx.now;
    Ok(())
}
