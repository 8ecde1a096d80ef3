//! DescribeRepositoryCreationTemplates: by prefix, or all in the order of their prefixes.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::page;
use crate::ecr::template;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeRepositoryCreationTemplates {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:DescribeRepositoryCreationTemplates")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let registry = &ctx.cloud.registry;
        let registry_id = Some(ctx.scope.account.to_string());
        if let Some(prefixes) = input.prefixes {
            let found = prefixes.iter().filter_map(|prefix| registry.template(&ctx.scope, prefix).ok());
            let templates = found.map(|row| template::shape(&row)).collect();
            return Ok(Self::Output {
                registry_id,
                repository_creation_templates: Some(templates),
                next_token: None,
            });
        }
        let after: Option<String> = page::position(input.next_token.as_ref())?;
        let limit = page::limit(input.max_results);
        let mut rows = registry.templates(&ctx.scope, after.as_deref(), limit + 1);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_token = rows.last().filter(|_| more).map(|last| page::token(&last.prefix));
        let templates = rows.iter().map(|row| template::shape(row)).collect();
        Ok(Self::Output { registry_id, repository_creation_templates: Some(templates), next_token })
    }
}
