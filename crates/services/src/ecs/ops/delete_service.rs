//! DeleteService: the service drains; the scheduler stops its tasks and then makes it inactive.

use model::ecs::Service;
use model::ecs::service::{SchedulingStrategy, ServiceStatus};
use store::Txn;
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::connect;
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, service_resource};
use crate::ecs::rules::identifier;
use crate::ecs::service_view;
use crate::ecs::store::{ServiceRow, active_cluster, service};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::DeleteService {
    fn access(ctx: &OpCtx, input: &shape::DeleteServiceRequest) -> Access {
        let resource = service_resource(ctx, input.cluster.as_deref(), &input.service);
        Access::new("ecs:DeleteService", resource)
            .with("ecs:cluster", cluster_resource(ctx, input.cluster.as_deref()))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DeleteServiceRequest,
    ) -> Result<shape::DeleteServiceResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let cluster_name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        active_cluster(&snapshot, &ctx.scope, &cluster_name)?;
        let name = identifier::service(&input.service, &ctx.scope, &cluster_name)?;
        let found = name.and_then(|name| service(&snapshot, &ctx.scope, &cluster_name, &name));
        let found = found.filter(|it| it.status != ServiceStatus::Inactive).ok_or(Error::ServiceNotFound)?;
        let mut next = Service::clone(&found);
        if next.status == ServiceStatus::Active {
            if input.force != Some(true) {
                check(&next)?;
            }
            next.status = ServiceStatus::Draining;
            next.spec.desired_count = 0;
            next.primary_mut().desired_count = 0;
            next.seen.is_steady = false;
            let txn = connect::leave(&snapshot, Txn::new(), &next);
            let txn = txn.update(&found, &ServiceRow(next.clone()));
            ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        }
        let shown = service_view::service(&ctx.cloud.store.snapshot(), &next, true);
        Ok(shape::DeleteServiceResponse { service: Some(shown) })
    }
}

/// Without force, only a service that wants no tasks and is at rest goes.
fn check(service: &Service) -> Result<(), Error> {
    let refuse = |text: &str| Err(Error::InvalidParameter(text.to_owned()));
    if service.spec.scheduling_strategy == SchedulingStrategy::Replica && service.spec.desired_count > 0 {
        return refuse("The service cannot be stopped while it is scaled above 0.");
    }
    if !service.task_sets.is_empty() {
        return refuse("The service cannot be stopped while task sets are active.");
    }
    if service.deployments.len() > 1 {
        return refuse("The service cannot be stopped while deployments are active.");
    }
    Ok(())
}
