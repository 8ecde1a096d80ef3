//! DeleteLoadBalancer, with its listeners and rules. One that is gone already is deleted successfully.

use store::{Txn, key};
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::find;
use crate::elbv2::rules::limit::BATCH;
use crate::elbv2::store::{AddressClaimRow, ListenerRow, RuleRow, load_balancer_prefix, touch};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeleteLoadBalancer {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:DeleteLoadBalancer", &input.load_balancer_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let store = &ctx.cloud.store;
        loop {
            let snapshot = store.snapshot();
            let found = match find::load_balancer(&snapshot, &ctx.scope, &input.load_balancer_arn) {
                Ok(found) => found,
                Err(Error::Client { code: Code::LoadBalancerNotFound, .. }) => return Ok(Self::Output {}),
                Err(error) => return Err(error.into()),
            };
            if found.attribute("deletion_protection.enabled") == "true" {
                let message = format!(
                    "Load balancer '{}' cannot be deleted because deletion protection is enabled",
                    found.arn()
                );
                return Err(Error::client(Code::OperationNotPermitted, message).into());
            }
            let prefix = load_balancer_prefix(&ctx.scope, &found.id);
            // More parts than a commit holds go in several; the load balancer goes with the last.
            let rules = snapshot.page::<RuleRow>(&prefix, None, BATCH);
            let listeners = snapshot.page::<ListenerRow>(&prefix, None, BATCH);
            let parts = rules.len() + listeners.len();
            let txn = rules.iter().fold(touch(Txn::new(), &found), |txn, rule| txn.remove(rule));
            if parts > BATCH {
                store.commit(txn).await.map_err(Error::from)?;
                continue;
            }
            let txn = listeners.iter().fold(txn, |txn, listener| txn.remove(listener));
            let txn = txn.delete::<AddressClaimRow>(&key![u32::from(found.address)]).remove(&found);
            store.commit(txn).await.map_err(Error::from)?;
            return Ok(Self::Output {});
        }
    }
}
