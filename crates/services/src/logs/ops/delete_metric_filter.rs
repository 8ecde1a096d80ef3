//! DeleteMetricFilter.

use ::store::Txn;
use ::wire::Empty;
use ::wire::logs::{DeleteMetricFilter, DeleteMetricFilterRequest};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::logs::store::{self, MetricFilterRow};
use crate::logs::wire::{access_arn, filter_name, group_name};
use crate::room::Handler;

impl Handler for DeleteMetricFilter {
    fn access(ctx: &OpCtx, input: &DeleteMetricFilterRequest) -> Access {
        Access::new("logs:DeleteMetricFilter", access_arn(&ctx.scope, Some(&input.log_group_name), None))
    }

    async fn run(ctx: &OpCtx, input: DeleteMetricFilterRequest) -> Result<Empty, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let group = store::group(&snapshot, &ctx.scope, &group_name(&input.log_group_name)?)?;
        let key = store::filter_key(group.id, &filter_name(&input.filter_name)?);
        let filter = snapshot.get::<MetricFilterRow>(&key).ok_or(Error::FilterNotFound("metric"))?;
        ctx.cloud.store.commit(Txn::new().remove(&filter)).await.map_err(Error::Store)?;
        Ok(Empty {})
    }
}
