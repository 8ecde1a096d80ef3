//! DescribeRepositories: by name, or all in the order of their names.

use model::ecr::RepositoryName;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::page;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeRepositories {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        let names = input.repository_names.clone().filter(|names| !names.is_empty());
        let names = names.unwrap_or_else(|| vec!["*".to_owned()]);
        let resources = names.iter().map(|name| ctx.arn("ecr", format!("repository/{name}")));
        Access::each("ecr:DescribeRepositories", resources)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let registry = &ctx.cloud.registry;
        if let Some(names) = input.repository_names {
            let mut found = Vec::with_capacity(names.len());
            for name in &names {
                let name = parse::repository_name(ctx, input.registry_id.as_ref(), name)?;
                let row = registry.repository(&ctx.scope, &name).map_err(Error::from)?;
                found.push(parse::repository(ctx, &row));
            }
            return Ok(Self::Output { repositories: Some(found), next_token: None });
        }
        parse::own_registry(ctx, input.registry_id.as_ref())?;
        let after: Option<RepositoryName> = page::position(input.next_token.as_ref())?;
        let limit = page::limit(input.max_results);
        let rows = registry.repositories(&ctx.scope, after.as_ref(), limit);
        let next_token = match rows.last() {
            Some(last) if !registry.repositories(&ctx.scope, Some(&last.name), 1).is_empty() => {
                Some(page::token(&last.name))
            }
            Some(_) | None => None,
        };
        let repositories = rows.iter().map(|row| parse::repository(ctx, row)).collect();
        Ok(Self::Output { repositories: Some(repositories), next_token })
    }
}
