//! DeleteLoadBalancer, with its listeners and rules. One that is gone already is deleted successfully.

use store::{Txn, key};
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::rules::limit::BATCH;
use crate::elbv2::store::{AddressClaimRow, ListenerRow, RuleRow, load_balancer_prefix, touch};
use crate::elbv2::{find, placement};
use crate::error::ServiceError;
use crate::iam::certificates;
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
            let mut txn = touch(Txn::new(), &found);
            let rules = snapshot.page::<RuleRow>(&prefix, None, BATCH);
            let mut rest = rules.iter().peekable();
            while let Some(rule) = rest.next_if(|_| txn.operations() < BATCH) {
                txn = txn.remove(rule);
            }
            let mut whole = rest.peek().is_none() && rules.len() < BATCH;
            let listeners = snapshot.page::<ListenerRow>(&prefix, None, BATCH);
            for listener in &listeners {
                if !whole {
                    break;
                }
                if txn.operations() + listener.certificates.len() + 1 > BATCH {
                    whole = false;
                    break;
                }
                let arn = listener.arn();
                txn = certificates::hold(&snapshot, txn.remove(listener), &arn, &listener.certificates, &[]);
            }
            if !whole {
                store.commit(txn).await.map_err(Error::from)?;
                continue;
            }
            let txn = placement::release(&snapshot, txn, &found, &found.subnets);
            let txn = txn.delete::<AddressClaimRow>(&key![u32::from(found.address)]).remove(&found);
            store.commit(txn).await.map_err(Error::from)?;
            return Ok(Self::Output {});
        }
    }
}
