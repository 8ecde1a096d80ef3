//! PutLogGroupDeletionProtection.

use ::wire::Empty;
use ::wire::logs::{PutLogGroupDeletionProtection, PutLogGroupDeletionProtectionRequest};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::store;
use crate::logs::wire::{access_arn, identified};
use crate::room::Handler;

impl Handler for PutLogGroupDeletionProtection {
    fn access(ctx: &OpCtx, input: &PutLogGroupDeletionProtectionRequest) -> Access {
        let arn = access_arn(&ctx.scope, None, Some(&input.log_group_identifier));
        Access::new("logs:PutLogGroupDeletionProtection", arn)
    }

    async fn run(ctx: &OpCtx, input: PutLogGroupDeletionProtectionRequest) -> Result<Empty, ServiceError> {
        let name = identified(&ctx.scope, &input.log_group_identifier)?;
        let group = store::group(&ctx.cloud.store.snapshot(), &ctx.scope, &name)?;
        store::update_group(&ctx.cloud.store, &group, |group| {
            group.deletion_protection = input.deletion_protection_enabled
        })
        .await?;
        Ok(Empty {})
    }
}
