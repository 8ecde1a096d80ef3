//! GetInstance: one instance with its attributes.

use ::wire::servicediscovery as shapes;
use store::key;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::store::{self as tables, InstanceRow};
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetInstance {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:GetInstance", wire::arn(ctx, "service", &input.service_id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let service = tables::service(&snapshot, &ctx.scope, &input.service_id)?;
        let found = snapshot.get::<InstanceRow>(&key![ctx.scope, service.id, input.instance_id]);
        let instance = found.ok_or_else(|| Error::InstanceNotFound(input.instance_id.clone()))?;
        let account = instance.scope.account.to_string();
        Ok(Self::Output {
            resource_owner: Some(account.clone()),
            instance: Some(shapes::Instance {
                id: instance.id.clone(),
                creator_request_id: instance.creator_request_id.clone(),
                attributes: Some(instance.attributes.clone()),
                created_by_account: Some(account),
            }),
        })
    }
}
