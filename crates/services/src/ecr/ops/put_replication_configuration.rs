//! PutReplicationConfiguration: which images are copied to which regions, from now on.
//!
//! Deviation: copies go to other regions of the same account; another account is refused, and
//! so is the replication of deletes.

use model::Region;
use registry::tables::{RegistrySettings, ReplicationRule};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::error::ServiceError;
use crate::room::Handler;

/// The most regions of all rules together.
const MAX_DESTINATIONS: usize = 25;

impl Handler for shapes::PutReplicationConfiguration {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:PutReplicationConfiguration")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let given = input.replication_configuration;
        let rules = given.rules.iter().map(|rule| parse(ctx, rule)).collect::<Result<Vec<_>, _>>()?;
        let mut regions: Vec<&Region> = rules.iter().flat_map(|rule| &rule.destinations).collect();
        regions.sort();
        regions.dedup();
        if regions.len() > MAX_DESTINATIONS {
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

fn parse(ctx: &OpCtx, rule: &shapes::ReplicationRule) -> Result<ReplicationRule, Error> {
    let refused = |why: &str| Error::parameter("replicationConfiguration", why);
    if rule.delete_replication.as_ref().is_some_and(|delete| delete.enabled) {
        return Err(refused("the replication of deletes is not supported"));
    }
    let destination = |destination: &shapes::ReplicationDestination| {
        if destination.registry_id != ctx.scope.account.as_str() {
            return Err(refused("a destination in another registry is not supported"));
        }
        let region = Region::new(destination.region.as_str()).map_err(|_| refused("a malformed region"))?;
        if region == ctx.scope.region {
            return Err(refused("the destination must not be the registry itself"));
        }
        Ok(region)
    };
    let filters = rule.repository_filters.as_deref().unwrap_or_default();
    Ok(ReplicationRule {
        destinations: rule.destinations.iter().map(destination).collect::<Result<_, _>>()?,
        prefixes: filters.iter().map(|filter| filter.filter.clone()).collect(),
    })
}
