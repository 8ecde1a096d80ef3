//! PutRetentionPolicy.

use ::wire::Empty;
use ::wire::logs::{PutRetentionPolicy, PutRetentionPolicyRequest};
use model::logs::{RETENTION_DAYS, RetentionDays};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::classes::{self, Feature};
use crate::logs::error::Error;
use crate::logs::store;
use crate::logs::wire::{access_arn, group_name};
use crate::room::Handler;

impl Handler for PutRetentionPolicy {
    fn access(ctx: &OpCtx, input: &PutRetentionPolicyRequest) -> Access {
        Access::new("logs:PutRetentionPolicy", access_arn(&ctx.scope, Some(&input.log_group_name), None))
    }

    async fn run(ctx: &OpCtx, input: PutRetentionPolicyRequest) -> Result<Empty, ServiceError> {
        let days = input.retention_in_days;
        let retention = RetentionDays::new(i64::from(days)).ok_or_else(|| {
            let allowed: Vec<_> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
            Error::parameter(format!(
                "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: \
                 Member must satisfy enum value set: [{}]",
                allowed.join(", ")
            ))
        })?;
        let group =
            store::group(&ctx.cloud.store.snapshot(), &ctx.scope, &group_name(&input.log_group_name)?)?;
        classes::allow(&group, Feature::Retention)?;
        store::update_group(&ctx.cloud.store, &group, |group| group.retention = Some(retention)).await?;
        Ok(Empty {})
    }
}
