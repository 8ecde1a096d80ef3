//! CreateTags: on VPCs, subnets, security groups and their rules; the last value of a key counts.

use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::error::Error;
use crate::ec2::{dry_run, tags};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CreateTags {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        super::on_tagged("ec2:CreateTags", ctx, &input.resources)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        let new = tags::read(&input.tags)?;
        if new.is_empty() {
            return Err(Error::Missing("tag").into());
        }
        let snapshot = ctx.cloud.store.snapshot();
        let txn = tags::change(&snapshot, &ctx.scope, &super::distinct(&input.resources), |mut tags| {
            tags.extend(new.clone());
            tags::limited(tags)
        })?;
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output::default())
    }
}
