//! ModifyRule: what is not named stays. The default rule is changed by ModifyListener.

use model::elbv2::Rule;
use store::Txn;
use wire::elbv2 as shapes;

use super::create_rule::{load_and_check, transforms};
use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::store::{ListenerRow, RuleRow, listener_key};
use crate::elbv2::wire::listener::write_rule;
use crate::elbv2::wire::{action, condition};
use crate::elbv2::{find, forwarding};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ModifyRule {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:ModifyRule", &input.rule_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let store = &ctx.cloud.store;
        let snapshot = store.snapshot();
        let found = find::plain_rule(&snapshot, &ctx.scope, &input.rule_arn, "modified")?;
        if input.conditions.is_none() && input.actions.is_none() && input.reset_transforms != Some(true) {
            return Err(Error::validation("Either conditions or actions must be specified").into());
        }
        transforms(input.transforms.as_deref())?;
        let listener = snapshot
            .get::<ListenerRow>(&listener_key(&ctx.scope, &found.id.listener))
            .ok_or_else(|| Error::client(Code::RuleNotFound, "The listener is being deleted"))?;
        let conditions = input.conditions.map_or_else(|| Ok(found.conditions.clone()), condition::read)?;
        let action = match input.actions {
            Some(actions) => action::read(actions, listener.protocol, &ctx.scope)?,
            None => found.action.clone(),
        };
        let groups = load_and_check(&snapshot, &listener, &action)?;
        let row = RuleRow(Rule { conditions, action, ..found.row.0.clone() });
        let txn = forwarding::guard(Txn::new().expect(&listener), &groups).update(&found, &row);
        store.commit(txn).await.map_err(Error::from)?;
        Ok(Self::Output { rules: Some(vec![write_rule(&row)]) })
    }
}
