//! DeleteLogGroup: the record first, so that the group is gone at once; then its streams and events.

use ::store::Txn;
use ::wire::Empty;
use ::wire::logs::{DeleteLogGroup, DeleteLogGroupRequest};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::logs::store::{self, ResourcePolicyRow};
use crate::logs::wire::{access_arn, group_name};
use crate::room::Handler;

impl Handler for DeleteLogGroup {
    fn access(ctx: &OpCtx, input: &DeleteLogGroupRequest) -> Access {
        Access::new("logs:DeleteLogGroup", access_arn(&ctx.scope, Some(&input.log_group_name), None))
    }

    async fn run(ctx: &OpCtx, input: DeleteLogGroupRequest) -> Result<Empty, ServiceError> {
        let cloud = &ctx.cloud;
        let group = store::group(&cloud.store.snapshot(), &ctx.scope, &group_name(&input.log_group_name)?)?;
        if group.deletion_protection {
            return Err(Error::Protected(group.name.to_string()).into());
        }
        let policy = store::policy_key(&ctx.scope, Some(&group.name), "");
        let txn = Txn::new().remove(&group).delete::<ResourcePolicyRow>(&policy);
        cloud.store.commit(txn).await.map_err(Error::Store)?;
        // The group is gone whatever happens now: what a failure leaves, the sweep removes.
        if let Err(error) = forget(ctx, &group).await {
            tracing::warn!(group = %group.name, error = &error as &dyn std::error::Error, "left to the sweep");
        }
        Ok(Empty {})
    }
}

async fn forget(ctx: &OpCtx, group: &model::logs::LogGroup) -> Result<(), Error> {
    store::delete_contents(&ctx.cloud.store, group.id).await?;
    ctx.cloud.logs.drop_group(group.id).await?;
    Ok(())
}
