//! DeleteVpc: only when nothing is left in it but its default group.

use store::Txn;
use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::error::Error;
use crate::ec2::store::{self as tables, SecurityGroupRow, SubnetRow, VpcRow};
use crate::ec2::{blocks, dry_run, groups};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeleteVpc {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("ec2:DeleteVpc", ctx.arn("ec2", format!("vpc/{}", input.vpc_id)))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        let snapshot = ctx.cloud.store.snapshot();
        let vpc = tables::find::<VpcRow>(&snapshot, &ctx.scope, &input.vpc_id)
            .ok_or_else(|| Error::VpcNotFound(input.vpc_id.clone()))?;
        let groups: Vec<_> = tables::all::<SecurityGroupRow>(&snapshot, &ctx.scope)
            .into_iter()
            .filter(|group| group.vpc_id == vpc.id)
            .collect();
        let subnets = tables::all::<SubnetRow>(&snapshot, &ctx.scope);
        if subnets.iter().any(|subnet| subnet.vpc_id == vpc.id)
            || groups.iter().any(|group| group.name != groups::DEFAULT)
        {
            let text = format!("The vpc '{}' has dependencies and cannot be deleted.", vpc.id);
            return Err(Error::Dependency(text).into());
        }
        // Whoever makes a subnet or a group in it meanwhile has changed the VPC's record.
        let txn = groups.iter().fold(Txn::new().remove(&vpc), |txn, group| txn.remove(group));
        let txn = blocks::release(&snapshot, txn, &vpc);
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output::default())
    }
}
