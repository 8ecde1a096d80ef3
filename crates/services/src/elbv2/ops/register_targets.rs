//! RegisterTargets. Those that are registered already stay as they are.
//!
//! Deviation: addresses of 127.0.0.0/8 may be registered: they are the machine's own, on which the load balancer
//! runs.

use store::Txn;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::store::{VpcRow, find as find_vpc};
use crate::elbv2::error::Error;
use crate::elbv2::rules::limit::BATCH;
use crate::elbv2::wire::target;
use crate::elbv2::{find, targets};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::RegisterTargets {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:RegisterTargets", &input.target_group_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let store = &ctx.cloud.store;
        let snapshot = store.snapshot();
        let group = find::target_group(&snapshot, &ctx.scope, &input.target_group_arn)?;
        let vpc = find_vpc::<VpcRow>(&snapshot, &ctx.scope, &group.vpc_id);
        let read = |target| target::read(target, &group, vpc.as_ref().map(|vpc| &vpc.row.0));
        let new = input.targets.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if new.is_empty() {
            return Err(Error::validation("A target must be specified").into());
        }
        // More than a commit holds goes in several: each target's registration is whole by itself.
        for batch in new.chunks(BATCH) {
            let snapshot = store.snapshot();
            let group = find::target_group(&snapshot, &ctx.scope, &input.target_group_arn)?;
            let txn = targets::register(&snapshot, Txn::new(), &group, batch, ctx.now)?;
            if !txn.is_read_only() {
                store.commit(txn).await.map_err(Error::from)?;
            }
        }
        Ok(Self::Output {})
    }
}
