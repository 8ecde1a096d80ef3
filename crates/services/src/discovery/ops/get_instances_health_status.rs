//! GetInstancesHealthStatus: `UNKNOWN` where the service has no health check.

use ::wire::servicediscovery as shapes;
use model::discovery::Instance;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::page::cut;
use crate::discovery::store as tables;
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetInstancesHealthStatus {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:GetInstancesHealthStatus", wire::arn(ctx, "service", &input.service_id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let service = tables::service(&snapshot, &ctx.scope, &input.service_id)?;
        let all = tables::instances_of(&snapshot, &service);
        let named = input.instances.unwrap_or_default();
        if let Some(missing) = named.iter().find(|id| !all.iter().any(|it| it.id == **id)) {
            return Err(Error::InstanceNotFound(missing.clone()).into());
        }
        let chosen = all.iter().filter(|it| named.is_empty() || named.contains(&it.id));
        let status = |it: &Instance| (it.id.clone(), wire::health(&service, it.health).to_owned());
        let rows = chosen.map(|it| (it.id.clone(), status(it))).collect();
        let (page, next_token) = cut(rows, input.next_token.as_deref(), input.max_results)?;
        Ok(Self::Output { status: Some(page.into_iter().collect()), next_token })
    }
}
