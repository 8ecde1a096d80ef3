//! DeleteListener, with its rules.

use store::Txn;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::Error;
use crate::elbv2::find;
use crate::elbv2::rules::limit::BATCH;
use crate::elbv2::store::{rules, touch};
use crate::error::ServiceError;
use crate::iam::certificates;
use crate::room::Handler;

impl Handler for shapes::DeleteListener {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:DeleteListener", &input.listener_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let store = &ctx.cloud.store;
        loop {
            let snapshot = store.snapshot();
            let found = find::listener(&snapshot, &ctx.scope, &input.listener_arn)?;
            let rules = rules(&snapshot, &ctx.scope, &found.id);
            let txn = rules.iter().take(BATCH).fold(touch(Txn::new(), &found), |txn, rule| txn.remove(rule));
            if rules.len() > BATCH {
                store.commit(txn).await.map_err(Error::from)?;
                continue;
            }
            let txn =
                certificates::hold(&snapshot, txn.remove(&found), &found.arn(), &found.certificates, &[]);
            store.commit(txn).await.map_err(Error::from)?;
            return Ok(Self::Output {});
        }
    }
}
