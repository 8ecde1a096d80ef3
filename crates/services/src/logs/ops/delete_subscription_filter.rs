//! DeleteSubscriptionFilter: what was not passed on yet is not passed on any more.

use ::store::Txn;
use ::wire::Empty;
use ::wire::logs::{DeleteSubscriptionFilter, DeleteSubscriptionFilterRequest};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::logs::store::{self, ProgressRow, SubscriptionFilterRow};
use crate::logs::wire::{access_arn, filter_name, group_name};
use crate::room::Handler;

impl Handler for DeleteSubscriptionFilter {
    fn access(ctx: &OpCtx, input: &DeleteSubscriptionFilterRequest) -> Access {
        Access::new(
            "logs:DeleteSubscriptionFilter",
            access_arn(&ctx.scope, Some(&input.log_group_name), None),
        )
    }

    async fn run(ctx: &OpCtx, input: DeleteSubscriptionFilterRequest) -> Result<Empty, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let group = store::group(&snapshot, &ctx.scope, &group_name(&input.log_group_name)?)?;
        let key = store::filter_key(group.id, &filter_name(&input.filter_name)?);
        let filter =
            snapshot.get::<SubscriptionFilterRow>(&key).ok_or(Error::FilterNotFound("subscription"))?;
        let txn = Txn::new().remove(&filter).delete::<ProgressRow>(&key);
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Empty {})
    }
}
