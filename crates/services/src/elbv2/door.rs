//! The doors of this room: what the ecs room does with target groups and rules, and what `control` reads and reports.
//!
//! Doors that write add to the caller's transaction, so that a task and its registration are written together or
//! not at all. Everything may be said twice.

use std::collections::BTreeMap;
use std::time::Duration;

use model::elbv2::{
    Action, Forward, Listener, ListenerId, LoadBalancer, LoadBalancerSubnet, Protocol, Rule, TargetGroupId,
    TargetHealth, TargetKey, TargetState, TargetType, WeightedGroup,
};
use model::{Arn, Scope, Timestamp};
use store::{Snapshot, Store, Txn, Versioned};

use super::error::{Code, Error};
use super::find::FoundRule;
use super::rules::health;
use super::store::{self as tables, ListenerRow, RuleRow};
use super::{find, forwarding, targets};

pub use super::targets::NewTarget;

/// The tables whose changes may change a target's health, a group's use, or the routes.
pub const TABLES: &[&str] = tables::TABLES;

/// Of a load balancer, and of a target group.
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";

/// What is to be known of a target group before targets are registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroupView {
    /// The port of targets that name none.
    pub port: u16,
    /// How targets are named.
    pub target_type: TargetType,
    /// What targets speak.
    pub protocol: Protocol,
    /// Its VPC.
    pub vpc_id: String,
    /// The ARN of the load balancer whose listener or rule forwards to it; `None` when nothing does, and
    /// its targets never become healthy.
    pub load_balancer: Option<String>,
    /// How long deregistered targets drain.
    pub deregistration_delay: Duration,
}

/// The tags of the resource of this ARN.
pub(crate) fn tags_of(snapshot: &Snapshot, scope: &Scope, arn: &Arn) -> Option<BTreeMap<String, String>> {
    find::tagged(snapshot, scope, &arn.to_string()).ok().map(|found| found.tags().clone())
}

/// The addresses in its VPC of the load balancer with this name; `None` when the name is no load balancer's. Left out are
/// those of zones in which nobody healthy would be asked, unless that is so of all.
pub fn addresses_of_name(snapshot: &Snapshot, dns_name: &str) -> Option<Vec<std::net::Ipv4Addr>> {
    if !dns_name.ends_with(".elb.localhost") {
        return None;
    }
    let mut all = snapshot.all::<tables::LoadBalancerRow>(&store::key![]);
    let found = all.find(|it| it.dns_name.eq_ignore_ascii_case(dns_name))?;
    let held = |subnet: &LoadBalancerSubnet| Some(subnet.interface.as_ref()?.address);
    let answered =
        found.subnets.iter().filter(|subnet| answers_in(snapshot, &found, &subnet.availability_zone));
    let answered: Vec<_> = answered.filter_map(held).collect();
    Some(if answered.is_empty() { found.subnets.iter().filter_map(held).collect() } else { answered })
}

/// Whether each group that keeps to its zones has a healthy target in this one.
fn answers_in(snapshot: &Snapshot, load_balancer: &LoadBalancer, zone: &str) -> bool {
    let scope = &load_balancer.scope;
    tables::groups_of(snapshot, scope, &load_balancer.id).iter().all(|id| {
        let Some(group) = tables::target_group(snapshot, scope, id) else { return true };
        let across = match group.attribute(CROSS_ZONE) {
            "use_load_balancer_configuration" => load_balancer.attribute(CROSS_ZONE),
            own => own,
        };
        let serves = |target: &model::elbv2::Target| {
            let own = target.availability_zone.as_deref();
            let healthy = target.seen.as_ref().is_some_and(|seen| seen.state == TargetState::Healthy);
            healthy && target.draining_until.is_none() && own.is_none_or(|own| own == "all" || own == zone)
        };
        across == "true" || tables::targets(snapshot, scope, id).iter().any(|target| serves(target))
    })
}

/// The target group with this ARN.
///
/// # Errors
/// `TargetGroupNotFound`, or a `ValidationError` for what is no target group's ARN.
pub fn target_group(snapshot: &Snapshot, scope: &Scope, arn: &str) -> Result<TargetGroupView, Error> {
    let group = find::target_group(snapshot, scope, arn)?;
    let user = tables::user_of(snapshot, scope, &group.id);
    Ok(TargetGroupView {
        port: group.port,
        target_type: group.target_type,
        protocol: group.protocol,
        vpc_id: group.vpc_id.clone(),
        load_balancer: user.map(|id| id.arn(scope).to_string()),
        deregistration_delay: targets::deregistration_delay(&group),
    })
}

/// Adds the registration of targets to `txn`. Those that are registered stay as they are.
///
/// # Errors
/// As [`target_group`], and `TooManyTargets`.
pub fn register_targets(
    snapshot: &Snapshot,
    txn: Txn,
    scope: &Scope,
    target_group_arn: &str,
    new: &[NewTarget],
    now: Timestamp,
) -> Result<Txn, Error> {
    let group = find::target_group(snapshot, scope, target_group_arn)?;
    targets::register(snapshot, txn, &group, new, now)
}

/// Adds the deregistration of targets to `txn`: they drain for the group's deregistration delay, and then are
/// gone. Unknown and draining ones stay as they are.
///
/// # Errors
/// As [`target_group`].
pub fn deregister_targets(
    snapshot: &Snapshot,
    txn: Txn,
    scope: &Scope,
    target_group_arn: &str,
    old: &[TargetKey],
    now: Timestamp,
) -> Result<Txn, Error> {
    let group = find::target_group(snapshot, scope, target_group_arn)?;
    Ok(targets::deregister(snapshot, txn, &group, old, now))
}

/// A target's health: `unused` with `Target.NotRegistered` when it is not registered, or is drained.
///
/// # Errors
/// As [`target_group`].
pub fn target_health(
    snapshot: &Snapshot,
    scope: &Scope,
    target_group_arn: &str,
    target: &TargetKey,
    now: Timestamp,
) -> Result<TargetHealth, Error> {
    let group = find::target_group(snapshot, scope, target_group_arn)?;
    let in_use = tables::user_of(snapshot, scope, &group.id).is_some();
    let found = targets::find(snapshot, scope, &group, target);
    let known = found.and_then(|target| health::of(&target, in_use, now));
    Ok(known.unwrap_or_else(health::not_registered))
}

/// Removes targets whose draining is over. Returns when the next one's will be.
///
/// # Errors
/// When the store fails.
pub async fn reap_drained_targets(store: &Store, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    targets::reap(store, now).await
}

/// The target groups that a rule forwards to, by ARN, with their weights. `arn` names a rule, or a listener for
/// its default rule.
///
/// # Errors
/// `RuleNotFound`, `ListenerNotFound`, or `InvalidLoadBalancerAction` for a rule that does not forward.
pub fn forward_weights(snapshot: &Snapshot, scope: &Scope, arn: &str) -> Result<Vec<(String, u16)>, Error> {
    let forward = forward_of(&place(snapshot, scope, arn)?, arn)?;
    Ok(forward.groups.iter().map(|it| (it.group.arn(scope).to_string(), it.weight)).collect())
}

/// Adds the change of a rule's target groups and weights to `txn`; its stickiness stays. `arn` as for
/// [`forward_weights`].
///
/// # Errors
/// As [`forward_weights`], and as CreateRule's for the groups.
pub fn set_forward_weights(
    snapshot: &Snapshot,
    txn: Txn,
    scope: &Scope,
    arn: &str,
    weights: &[(String, u16)],
) -> Result<Txn, Error> {
    let place = place(snapshot, scope, arn)?;
    let group = |(arn, weight): &(String, u16)| {
        let group = TargetGroupId::parse(arn, scope).ok_or_else(|| {
            Error::client(Code::TargetGroupNotFound, format!("Target group '{arn}' not found"))
        })?;
        Ok(WeightedGroup { group, weight: *weight })
    };
    let groups = weights.iter().map(group).collect::<Result<Vec<_>, Error>>()?;
    let action = Action::Forward(Forward { groups, ..forward_of(&place, arn)? });
    let listener_id = match &place {
        FoundRule::Default(listener) => listener.id.clone(),
        FoundRule::Rule(rule) => rule.id.listener.clone(),
    };
    let gone = || Error::client(Code::ListenerNotFound, format!("Listener of '{arn}' not found"));
    let listener: Versioned<ListenerRow> =
        snapshot.get(&tables::listener_key(scope, &listener_id)).ok_or_else(gone)?;
    let load_balancer =
        tables::load_balancer(snapshot, scope, &listener_id.load_balancer).ok_or_else(gone)?;
    let groups = forwarding::groups(snapshot, &load_balancer, listener.protocol, &action)?;
    let txn = forwarding::guard(txn, &groups);
    Ok(match place {
        FoundRule::Default(found) => {
            let changed = ListenerRow(Listener { default_action: action, ..found.row.0.clone() });
            txn.update(&found, &changed)
        }
        FoundRule::Rule(found) => {
            txn.expect(&listener).update(&found, &RuleRow(Rule { action, ..found.row.0.clone() }))
        }
    })
}

/// The rule with this ARN, or the default rule of the listener with it.
fn place(snapshot: &Snapshot, scope: &Scope, arn: &str) -> Result<FoundRule, Error> {
    match ListenerId::parse(arn, scope) {
        Some(_) => find::listener(snapshot, scope, arn).map(FoundRule::Default),
        None => find::rule(snapshot, scope, arn),
    }
}

fn forward_of(place: &FoundRule, arn: &str) -> Result<Forward, Error> {
    let action = match place {
        FoundRule::Default(listener) => &listener.default_action,
        FoundRule::Rule(rule) => &rule.action,
    };
    match action {
        Action::Forward(forward) => Ok(forward.clone()),
        Action::Redirect(_) | Action::FixedResponse(_) => Err(Error::client(
            Code::InvalidLoadBalancerAction,
            format!("Rule '{arn}' does not forward to target groups"),
        )),
    }
}
