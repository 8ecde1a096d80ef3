//! CreateRule.

use model::elbv2::{Action, Digits, Listener, Rule, RuleId};
use store::{Snapshot, Txn, Versioned};
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::rules::limit::MOST_RULES;
use crate::elbv2::rules::tag;
use crate::elbv2::store::{RuleRow, TargetGroupRow, load_balancer, rules, touch};
use crate::elbv2::wire::listener::write_rule;
use crate::elbv2::wire::{action, condition, number};
use crate::elbv2::{find, forwarding};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CreateRule {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:CreateRule", &input.listener_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let store = &ctx.cloud.store;
        let snapshot = store.snapshot();
        let listener = find::listener(&snapshot, &ctx.scope, &input.listener_arn)?;
        if !listener.protocol.is_http() {
            let message = format!("Rules are not supported for {} listeners", listener.protocol);
            return Err(Error::client(Code::UnsupportedProtocol, message).into());
        }
        transforms(input.transforms.as_deref())?;
        let rule = Rule {
            scope: ctx.scope.clone(),
            id: RuleId { listener: listener.id.clone(), digits: Digits::draw(&mut ctx.ids.clone()) },
            priority: number(input.priority, "priority")?,
            conditions: condition::read(input.conditions)?,
            action: action::read(input.actions, listener.protocol, &ctx.scope)?,
            tags: tag::read(input.tags)?,
        };
        let groups = load_and_check(&snapshot, &listener, &rule.action)?;
        let known = rules(&snapshot, &ctx.scope, &listener.id);
        if known.iter().any(|known| known.priority == rule.priority) {
            return Err(Error::client(
                Code::PriorityInUse,
                format!("Priority '{}' is currently in use", rule.priority),
            )
            .into());
        }
        if known.len() >= MOST_RULES {
            let message = format!("The maximum number of rules of a listener is '{MOST_RULES}'");
            return Err(Error::client(Code::TooManyRules, message).into());
        }
        let row = RuleRow(rule);
        let txn = forwarding::guard(touch(Txn::new(), &listener), &groups).insert(&row);
        store.commit(txn).await.map_err(Error::from)?;
        Ok(Self::Output { rules: Some(vec![write_rule(&row)]) })
    }
}

/// The target groups of an action of this listener.
pub(super) fn load_and_check(
    snapshot: &Snapshot,
    listener: &Listener,
    action: &Action,
) -> Result<Vec<Versioned<TargetGroupRow>>, Error> {
    let load_balancer = load_balancer(snapshot, &listener.scope, &listener.id.load_balancer)
        .ok_or_else(|| Error::client(Code::ListenerNotFound, "The load balancer is being deleted"))?;
    forwarding::groups(snapshot, &load_balancer, listener.protocol, action)
}

/// Refuses rewriting.
pub(super) fn transforms(asked: Option<&[shapes::RuleTransform]>) -> Result<(), Error> {
    match asked {
        None | Some([]) => Ok(()),
        Some(_) => Err(Error::unsupported("Transforms of requests are not supported")),
    }
}
