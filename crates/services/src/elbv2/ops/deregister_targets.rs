//! DeregisterTargets: they drain, and are gone when the deregistration delay is over.

use model::elbv2::TargetKey;
use store::Txn;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::Error;
use crate::elbv2::rules::limit::BATCH;
use crate::elbv2::store::targets as targets_of;
use crate::elbv2::wire::target;
use crate::elbv2::{find, targets};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeregisterTargets {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:DeregisterTargets", &input.target_group_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let store = &ctx.cloud.store;
        let snapshot = store.snapshot();
        let group = find::target_group(&snapshot, &ctx.scope, &input.target_group_arn)?;
        if input.targets.is_empty() {
            return Err(Error::validation("A target must be specified").into());
        }
        let registered = targets_of(&snapshot, &ctx.scope, &group.id);
        let mut old: Vec<TargetKey> = Vec::new();
        for target in &input.targets {
            // Without a port all registrations of the id are meant.
            let is_meant = |known: &TargetKey| {
                known.id == target.id && target.port.is_none_or(|port| i32::from(known.port) == port)
            };
            let meant: Vec<_> = registered.iter().map(|row| &row.key).filter(|key| is_meant(key)).collect();
            if meant.is_empty() {
                target::key(target, &group)?;
            }
            old.extend(meant.into_iter().cloned());
        }
        for batch in old.chunks(BATCH) {
            let snapshot = store.snapshot();
            let txn = targets::deregister(&snapshot, Txn::new(), &group, batch, ctx.now);
            if !txn.is_read_only() {
                store.commit(txn).await.map_err(Error::from)?;
            }
        }
        Ok(Self::Output {})
    }
}
