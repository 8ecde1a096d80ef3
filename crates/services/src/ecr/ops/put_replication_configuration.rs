//! PutReplicationConfiguration: which images are copied to which regions, from now on.
//!
//! Another account is the registry of another Longshore, which the operator has named
//! (`--registry-peer`); one that nobody named is refused.

use registry::tables::{RegistrySettings, ReplicationRule};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

/// The most destinations of all rules together.
const MAX_DESTINATIONS: usize = 25;

impl Handler for shapes::PutReplicationConfiguration {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:PutReplicationConfiguration")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let given = input.replication_configuration;
        let rules = given.rules.iter().map(|given| rule(ctx, given)).collect::<Result<Vec<_>, _>>()?;
        let mut destinations: Vec<_> = rules.iter().flat_map(|rule| &rule.destinations).collect();
        destinations.sort();
        destinations.dedup();
        if destinations.len() > MAX_DESTINATIONS {
            let why = format!("at most {MAX_DESTINATIONS} unique destinations across all rules");
            return Err(Error::parameter("replicationConfiguration", why).into());
        }
        let change = |settings: &mut RegistrySettings| {
            settings.replication = rules.clone();
            Ok(())
        };
        ctx.cloud.registry.change_settings::<_, Error>(&ctx.scope, change).await?;
        Ok(Self::Output { replication_configuration: Some(given) })
    }
}

fn rule(ctx: &OpCtx, rule: &shapes::ReplicationRule) -> Result<ReplicationRule, Error> {
    let filters = rule.repository_filters.as_deref().unwrap_or_default();
    let destination = |given: &shapes::ReplicationDestination| {
        let found = parse::destination_given(ctx, "replicationConfiguration", given)?;
        let is_home = found.registry.is_none() && found.region == ctx.scope.region;
        if is_home {
            let why = "the destination must not be the registry itself";
            return Err(Error::parameter("replicationConfiguration", why));
        }
        Ok(found)
    };
    Ok(ReplicationRule {
        destinations: rule.destinations.iter().map(destination).collect::<Result<_, _>>()?,
        prefixes: filters.iter().map(|filter| filter.filter.clone()).collect(),
        deletes: rule.delete_replication.as_ref().is_some_and(|delete| delete.enabled),
    })
}
