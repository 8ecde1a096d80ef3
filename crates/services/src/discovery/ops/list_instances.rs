//! ListInstances: of one service.

use ::wire::servicediscovery as shapes;
use model::discovery::Instance;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::page::cut;
use crate::discovery::store as tables;
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ListInstances {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:ListInstances", wire::arn(ctx, "service", &input.service_id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let service = tables::service(&snapshot, &ctx.scope, &input.service_id)?;
        let account = service.scope.account.to_string();
        let summary = |instance: &Instance| shapes::InstanceSummary {
            id: Some(instance.id.clone()),
            attributes: Some(instance.attributes.clone()),
            created_by_account: Some(account.clone()),
        };
        let all = tables::instances_of(&snapshot, &service);
        let rows = all.iter().map(|instance| (instance.id.clone(), summary(instance))).collect();
        let (page, next_token) = cut(rows, input.next_token.as_deref(), input.max_results)?;
        Ok(Self::Output { resource_owner: Some(account), instances: Some(page), next_token })
    }
}
