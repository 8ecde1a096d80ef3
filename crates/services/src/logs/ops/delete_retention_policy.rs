//! DeleteRetentionPolicy: events are kept for ever.

use ::wire::Empty;
use ::wire::logs::{DeleteRetentionPolicy, DeleteRetentionPolicyRequest};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::classes::{self, Feature};
use crate::logs::store;
use crate::logs::wire::{access_arn, group_name};
use crate::room::Handler;

impl Handler for DeleteRetentionPolicy {
    fn access(ctx: &OpCtx, input: &DeleteRetentionPolicyRequest) -> Access {
        Access::new("logs:DeleteRetentionPolicy", access_arn(&ctx.scope, Some(&input.log_group_name), None))
    }

    async fn run(ctx: &OpCtx, input: DeleteRetentionPolicyRequest) -> Result<Empty, ServiceError> {
        let group =
            store::group(&ctx.cloud.store.snapshot(), &ctx.scope, &group_name(&input.log_group_name)?)?;
        classes::allow(&group, Feature::Retention)?;
        store::update_group(&ctx.cloud.store, &group, |group| group.retention = None).await?;
        Ok(Empty {})
    }
}
