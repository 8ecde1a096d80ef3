//! Resources by the ARNs that requests name, or ELB's refusal.

use std::collections::BTreeMap;

use model::Scope;
use model::elbv2::{
    Listener, ListenerId, LoadBalancer, LoadBalancerId, Rule, RuleId, TargetGroup, TargetGroupId,
};
use store::{Snapshot, Txn, Versioned};

use super::error::{Code, Error};
use super::store::{self as tables, ListenerRow, LoadBalancerRow, RuleRow, TargetGroupRow};

/// A rule as it is stored.
#[derive(Clone, Debug)]
pub(super) enum FoundRule {
    /// The default rule of a listener.
    Default(Versioned<ListenerRow>),
    /// Another one.
    Rule(Versioned<RuleRow>),
}

/// Whatever carries tags.
#[derive(Clone, Debug)]
pub(super) enum Tagged {
    /// A load balancer.
    LoadBalancer(Versioned<LoadBalancerRow>),
    /// A listener.
    Listener(Versioned<ListenerRow>),
    /// A rule.
    Rule(Versioned<RuleRow>),
    /// A target group.
    TargetGroup(Versioned<TargetGroupRow>),
}

impl Tagged {
    /// Its tags.
    pub(super) fn tags(&self) -> &BTreeMap<String, String> {
        match self {
            Tagged::LoadBalancer(it) => &it.tags,
            Tagged::Listener(it) => &it.tags,
            Tagged::Rule(it) => &it.tags,
            Tagged::TargetGroup(it) => &it.tags,
        }
    }

    /// The transaction that gives it these tags.
    pub(super) fn with_tags(&self, tags: BTreeMap<String, String>) -> Txn {
        let txn = Txn::new();
        match self {
            Tagged::LoadBalancer(it) => {
                txn.update(it, &LoadBalancerRow(LoadBalancer { tags, ..it.row.0.clone() }))
            }
            Tagged::Listener(it) => txn.update(it, &ListenerRow(Listener { tags, ..it.row.0.clone() })),
            Tagged::Rule(it) => txn.update(it, &RuleRow(Rule { tags, ..it.row.0.clone() })),
            Tagged::TargetGroup(it) => {
                txn.update(it, &TargetGroupRow(TargetGroup { tags, ..it.row.0.clone() }))
            }
        }
    }
}

fn no_arn(raw: &str, of: &str) -> Error {
    Error::validation(format!("'{raw}' is not a valid {of} ARN"))
}

fn is_of_this_service(raw: &str) -> bool {
    raw.parse::<model::Arn>().is_ok_and(|arn| arn.service == "elasticloadbalancing")
}

/// The load balancer with this ARN.
pub(super) fn load_balancer(
    snapshot: &Snapshot,
    scope: &Scope,
    raw: &str,
) -> Result<Versioned<LoadBalancerRow>, Error> {
    let missing = || Error::client(Code::LoadBalancerNotFound, format!("Load balancer '{raw}' not found"));
    match LoadBalancerId::parse(raw, scope) {
        Some(id) => tables::load_balancer(snapshot, scope, &id).ok_or_else(missing),
        None if is_of_this_service(raw) && raw.contains(":loadbalancer/") => Err(missing()),
        None => Err(no_arn(raw, "load balancer")),
    }
}

/// The target group with this ARN.
pub(super) fn target_group(
    snapshot: &Snapshot,
    scope: &Scope,
    raw: &str,
) -> Result<Versioned<TargetGroupRow>, Error> {
    let missing = || Error::client(Code::TargetGroupNotFound, format!("Target group '{raw}' not found"));
    match TargetGroupId::parse(raw, scope) {
        Some(id) => tables::target_group(snapshot, scope, &id).ok_or_else(missing),
        None if is_of_this_service(raw) && raw.contains(":targetgroup/") => Err(missing()),
        None => Err(no_arn(raw, "target group")),
    }
}

/// The listener with this ARN.
pub(super) fn listener(
    snapshot: &Snapshot,
    scope: &Scope,
    raw: &str,
) -> Result<Versioned<ListenerRow>, Error> {
    let missing = || Error::client(Code::ListenerNotFound, format!("Listener '{raw}' not found"));
    match ListenerId::parse(raw, scope) {
        Some(id) => snapshot.get(&tables::listener_key(scope, &id)).ok_or_else(missing),
        None if is_of_this_service(raw) && raw.contains(":listener/") => Err(missing()),
        None => Err(no_arn(raw, "listener")),
    }
}

/// The rule with this ARN.
pub(super) fn rule(snapshot: &Snapshot, scope: &Scope, raw: &str) -> Result<FoundRule, Error> {
    let missing = || Error::client(Code::RuleNotFound, format!("Rule '{raw}' not found"));
    let Some(id) = RuleId::parse(raw, scope) else {
        let known = is_of_this_service(raw) && raw.contains(":listener-rule/");
        return Err(if known { missing() } else { no_arn(raw, "listener rule") });
    };
    if let Some(found) = snapshot.get::<RuleRow>(&tables::rule_key(scope, &id)) {
        return Ok(FoundRule::Rule(found));
    }
    let listener = snapshot.get::<ListenerRow>(&tables::listener_key(scope, &id.listener));
    listener.filter(|listener| listener.default_rule == id.digits).map(FoundRule::Default).ok_or_else(missing)
}

/// The rule with this ARN, unless it is a default one, which the operation does not take.
pub(super) fn plain_rule(
    snapshot: &Snapshot,
    scope: &Scope,
    raw: &str,
    what: &str,
) -> Result<Versioned<RuleRow>, Error> {
    match rule(snapshot, scope, raw)? {
        FoundRule::Rule(rule) => Ok(rule),
        FoundRule::Default(_) => {
            Err(Error::client(Code::OperationNotPermitted, format!("Default rule '{raw}' cannot be {what}")))
        }
    }
}

/// What carries the tags under this ARN. A default rule's are its listener's own affair, and are refused.
pub(super) fn tagged(snapshot: &Snapshot, scope: &Scope, raw: &str) -> Result<Tagged, Error> {
    if raw.contains(":loadbalancer/") {
        load_balancer(snapshot, scope, raw).map(Tagged::LoadBalancer)
    } else if raw.contains(":targetgroup/") {
        target_group(snapshot, scope, raw).map(Tagged::TargetGroup)
    } else if raw.contains(":listener/") {
        listener(snapshot, scope, raw).map(Tagged::Listener)
    } else if raw.contains(":listener-rule/") {
        match rule(snapshot, scope, raw)? {
            FoundRule::Rule(rule) => Ok(Tagged::Rule(rule)),
            FoundRule::Default(_) => {
                Err(Error::client(Code::RuleNotFound, format!("Default rule '{raw}' carries no tags")))
            }
        }
    } else {
        Err(no_arn(raw, "resource"))
    }
}
