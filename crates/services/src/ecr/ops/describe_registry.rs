//! DescribeRegistry: the registry's settings.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeRegistry {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("ecr:DescribeRegistry")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let shapes::DescribeRegistryRequest {} = input;
        Ok(Self::Output {
            registry_id: Some(ctx.scope.account.to_string()),
            replication_configuration: Some(shapes::ReplicationConfiguration { rules: Vec::new() }),
        })
    }
}
