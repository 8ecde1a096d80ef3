//! SetRulePriorities: all of them at once, so that rules can change places.

use model::elbv2::Listener;
use model::elbv2::Rule;
use store::{Snapshot, Txn, Versioned};
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::find;
use crate::elbv2::store::{ListenerRow, RuleRow, listener_key, rules, touch};
use crate::elbv2::wire::listener::write_rule;
use crate::elbv2::wire::number;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::SetRulePriorities {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        let rules = input.rule_priorities.iter().filter_map(|it| it.rule_arn.as_ref());
        Access::each("elasticloadbalancing:SetRulePriorities", rules)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let store = &ctx.cloud.store;
        let snapshot = store.snapshot();
        let mut changed: Vec<(Versioned<RuleRow>, RuleRow)> = Vec::new();
        for pair in input.rule_priorities {
            let arn = pair.rule_arn.unwrap_or_default();
            let found = find::plain_rule(&snapshot, &ctx.scope, &arn, "given a priority")?;
            let raw = pair.priority.ok_or_else(|| Error::validation("A priority must be specified"))?;
            let priority = number(raw, "priority")?;
            if changed.iter().any(|(known, _)| known.id == found.id) {
                return Err(Error::validation(format!("Rule '{arn}' was provided multiple times")).into());
            }
            let row = RuleRow(Rule { priority, ..found.row.0.clone() });
            changed.push((found, row));
        }
        let listener = one_listener(&snapshot, &changed)?;
        check(&snapshot, &listener, &changed)?;
        let txn = changed.iter().fold(touch(Txn::new(), &listener), |txn, (old, new)| txn.update(old, new));
        store.commit(txn).await.map_err(Error::from)?;
        Ok(Self::Output { rules: Some(changed.iter().map(|(_, new)| write_rule(new)).collect()) })
    }
}

type Changes = [(Versioned<RuleRow>, RuleRow)];

fn one_listener(snapshot: &Snapshot, changed: &Changes) -> Result<Versioned<ListenerRow>, Error> {
    let Some((first, _)) = changed.first() else {
        return Err(Error::validation("A rule must be specified"));
    };
    if changed.iter().any(|(rule, _)| rule.id.listener != first.id.listener) {
        return Err(Error::validation("The rules must belong to the same listener"));
    }
    let key = listener_key(&first.scope, &first.id.listener);
    snapshot.get(&key).ok_or_else(|| Error::client(Code::RuleNotFound, "The listener is being deleted"))
}

fn check(snapshot: &Snapshot, listener: &Listener, changed: &Changes) -> Result<(), Error> {
    let stays = |rule: &Rule| !changed.iter().any(|(known, _)| known.id == rule.id);
    let kept = rules(snapshot, &listener.scope, &listener.id);
    let mut taken: Vec<u16> = kept.iter().filter(|rule| stays(rule)).map(|rule| rule.priority).collect();
    for (_, rule) in changed {
        let priority = rule.priority;
        if changed.iter().filter(|(_, other)| other.priority == priority).count() > 1 {
            return Err(Error::validation(format!("Priority '{priority}' was provided multiple times")));
        }
        if taken.contains(&priority) {
            return Err(Error::client(
                Code::PriorityInUse,
                format!("Priority '{priority}' is currently in use"),
            ));
        }
        taken.push(priority);
    }
    Ok(())
}
