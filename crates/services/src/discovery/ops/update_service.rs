//! UpdateService: its description, and its records: those that are left out go.

use ::wire::servicediscovery as shapes;
use model::discovery::DnsConfig;
use store::Txn;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::operations;
use crate::discovery::store::{self as tables, ServiceRow};
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::UpdateService {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:UpdateService", wire::arn(ctx, "service", &input.id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let service = tables::service(&snapshot, &ctx.scope, &input.id)?;
        let change = input.service;
        if change.health_check_config.is_some() {
            return Err(Error::Input("HealthCheckConfig is for public DNS namespaces.".into()).into());
        }
        let mut new = service.row.0.clone();
        new.description = change.description.or(new.description);
        new.dns = match (new.dns, change.dns_config) {
            (Some(dns), Some(change)) => {
                Some(DnsConfig { records: wire::read_records(&change.dns_records)?, ..dns })
            }
            (None, Some(_)) => {
                return Err(Error::Input("The service has no DNS configuration to change.".into()).into());
            }
            (_, None) => None,
        };
        let operation = operations::service(ctx, "UPDATE_SERVICE", &service.id);
        let operation_id = Some(operation.id.clone());
        let txn = tables::keep(&snapshot, Txn::new().update(&service, &ServiceRow(new)), operation);
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output { operation_id })
    }
}
