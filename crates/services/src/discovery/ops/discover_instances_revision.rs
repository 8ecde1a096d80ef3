//! DiscoverInstancesRevision: rises with every change of a service's instances.

use ::wire::servicediscovery as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DiscoverInstancesRevision {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::any("servicediscovery:DiscoverInstancesRevision")
            .with("servicediscovery:NamespaceName", &input.namespace_name)
            .with("servicediscovery:ServiceName", &input.service_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let (_, service) = super::called(ctx, &snapshot, &input.namespace_name, &input.service_name)?;
        Ok(Self::Output { instances_revision: Some(service.revision) })
    }
}
