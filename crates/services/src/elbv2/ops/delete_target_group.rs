//! DeleteTargetGroup, with its targets. A group that is gone already is deleted successfully.

use store::Txn;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::find;
use crate::elbv2::rules::limit::BATCH;
use crate::elbv2::store::{targets, user_of};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeleteTargetGroup {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:DeleteTargetGroup", &input.target_group_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let store = &ctx.cloud.store;
        loop {
            let snapshot = store.snapshot();
            let found = match find::target_group(&snapshot, &ctx.scope, &input.target_group_arn) {
                Ok(found) => found,
                Err(Error::Client { code: Code::TargetGroupNotFound, .. }) => return Ok(Self::Output {}),
                Err(error) => return Err(error.into()),
            };
            if user_of(&snapshot, &ctx.scope, &found.id).is_some() {
                let arn = found.arn();
                let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
                return Err(Error::client(Code::ResourceInUse, message).into());
            }
            let targets = targets(&snapshot, &ctx.scope, &found.id);
            let txn = targets.iter().take(BATCH).fold(Txn::new(), |txn, target| txn.remove(target));
            if targets.len() > BATCH {
                store.commit(txn).await.map_err(Error::from)?;
                continue;
            }
            store.commit(txn.remove(&found)).await.map_err(Error::from)?;
            return Ok(Self::Output {});
        }
    }
}
