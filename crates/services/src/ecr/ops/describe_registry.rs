//! DescribeRegistry: the registry's settings.

use registry::tables::ReplicationRule;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeRegistry {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:DescribeRegistry")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let shapes::DescribeRegistryRequest {} = input;
        let settings = ctx.cloud.registry.settings(&ctx.scope);
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            replication_configuration: Some(shapes::ReplicationConfiguration {
                rules: settings.replication.iter().map(|rule| shape(ctx, rule)).collect(),
            }),
        })
    }
}

fn shape(ctx: &OpCtx, rule: &ReplicationRule) -> shapes::ReplicationRule {
    let filter = |prefix: &String| shapes::RepositoryFilter {
        filter: prefix.clone(),
        filter_type: "PREFIX_MATCH".to_owned(),
    };
    let filters: Vec<_> = rule.prefixes.iter().map(filter).collect();
    shapes::ReplicationRule {
        destinations: rule.destinations.iter().map(|row| parse::destination(ctx, row)).collect(),
        repository_filters: (!filters.is_empty()).then_some(filters),
        delete_replication: rule.deletes.then_some(shapes::DeleteReplication { enabled: true }),
    }
}
