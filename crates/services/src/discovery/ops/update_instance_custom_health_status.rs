//! UpdateInstanceCustomHealthStatus: whether an instance may be sent to.

use ::wire::servicediscovery as shapes;
use model::discovery::InstanceHealth;
use store::{Txn, key};

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::door;
use crate::discovery::error::Error;
use crate::discovery::store::{self as tables, InstanceRow};
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::UpdateInstanceCustomHealthStatus {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new(
            "servicediscovery:UpdateInstanceCustomHealthStatus",
            wire::arn(ctx, "service", &input.service_id),
        )
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let service = tables::service(&snapshot, &ctx.scope, &input.service_id)?;
        if snapshot.get::<InstanceRow>(&key![ctx.scope, service.id, input.instance_id]).is_none() {
            return Err(Error::InstanceNotFound(input.instance_id).into());
        }
        if !service.custom_health {
            return Err(Error::NoCustomHealth(service.id.clone()).into());
        }
        let health = match input.status.as_str() {
            "UNHEALTHY" => InstanceHealth::Unhealthy,
            _healthy => InstanceHealth::Healthy,
        };
        let (id, instance) = (&service.id, &input.instance_id);
        let txn = door::set_health(&snapshot, Txn::new(), &ctx.scope, id, instance, health);
        if !txn.is_read_only() {
            ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        }
        Ok(Self::Output::default())
    }
}
