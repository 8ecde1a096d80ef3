//! The tables of the room, and the queries over them. Only this room writes them.
//!
//! Resources with a name are kept under it, so that no two can have the same one. What must stay unique among
//! several rows (a port among a load balancer's listeners, a priority among a listener's rules) is guarded by
//! writing the row that they belong to again: see [`touch`].

use std::collections::BTreeSet;

use model::Scope;
use model::elbv2::{
    Action, AddressClaim, Listener, ListenerId, LoadBalancer, LoadBalancerId, Rule, RuleId, Target,
    TargetGroup, TargetGroupId, TargetKey,
};
use store::{Key, Row, Schema, Snapshot, Txn, Versioned, key};

use crate::table::table;

/// Listeners or rules by a target group that they forward to.
pub(super) const BY_GROUP: &str = "by-group";
/// Listeners by a certificate.
pub(super) const BY_CERTIFICATE: &str = "by-certificate";
/// Rules of a listener by priority.
pub(super) const BY_PRIORITY: &str = "by-priority";
/// Deregistered targets of all scopes by the end of their draining.
pub(super) const DRAINING: &str = "draining";

table! {
    /// Load balancers.
    pub(super) LoadBalancerRow(LoadBalancer) in "elbv2/load-balancer" {
        key(it) => key![it.scope, it.id.name.as_str()],
    }

    /// Claims on the machine's addresses.
    pub(super) AddressClaimRow(AddressClaim) in "elbv2/address-claim" {
        key(it) => key![u32::from(it.address)],
    }

    /// Listeners with their default rules.
    pub(super) ListenerRow(Listener) in "elbv2/listener" {
        key(it) => listener_key(&it.scope, &it.id),
        BY_GROUP => it.default_action.groups().map(|group| group_key(&it.scope, group)).collect::<Vec<_>>(),
        BY_CERTIFICATE => it.certificates.iter().map(|arn| key![arn]).collect::<Vec<_>>(),
    }

    /// Rules but the default ones.
    pub(super) RuleRow(Rule) in "elbv2/rule" {
        key(it) => rule_key(&it.scope, &it.id),
        BY_GROUP => it.action.groups().map(|group| group_key(&it.scope, group)).collect::<Vec<_>>(),
        BY_PRIORITY => listener_key(&it.scope, &it.id.listener).join(&key![it.priority]),
    }

    /// Target groups.
    pub(super) TargetGroupRow(TargetGroup) in "elbv2/target-group" {
        key(it) => key![it.scope, it.id.name.as_str()],
    }

    /// Targets, the draining ones included.
    pub(super) TargetRow(Target) in "elbv2/target" {
        key(it) => target_key(&it.scope, &it.group, &it.key),
        DRAINING => it.draining_until.map(|at| key![at]),
    }
}

/// Adds the room's tables to `schema`.
pub(crate) fn tables(schema: Schema) -> Schema {
    schema
        .table::<LoadBalancerRow>()
        .table::<AddressClaimRow>()
        .table::<ListenerRow>()
        .table::<RuleRow>()
        .table::<TargetGroupRow>()
        .table::<TargetRow>()
}

/// The tables whose changes may change routes or targets.
pub(super) const TABLES: &[&str] =
    &[LoadBalancerRow::TABLE, ListenerRow::TABLE, RuleRow::TABLE, TargetGroupRow::TABLE, TargetRow::TABLE];

/// The prefix of a load balancer's listeners and rules.
pub(super) fn load_balancer_prefix(scope: &Scope, id: &LoadBalancerId) -> Key {
    key![scope, id.name.as_str(), id.digits.as_str()]
}

/// A listener's key, and the prefix of its rules.
pub(super) fn listener_key(scope: &Scope, id: &ListenerId) -> Key {
    load_balancer_prefix(scope, &id.load_balancer).join(&key![id.digits.as_str()])
}

/// A rule's key.
pub(super) fn rule_key(scope: &Scope, id: &RuleId) -> Key {
    listener_key(scope, &id.listener).join(&key![id.digits.as_str()])
}

/// How indexes name a target group, and the prefix of its targets.
pub(super) fn group_key(scope: &Scope, id: &TargetGroupId) -> Key {
    key![scope, id.name.as_str(), id.digits.as_str()]
}

/// A target's key.
pub(super) fn target_key(scope: &Scope, group: &TargetGroupId, target: &TargetKey) -> Key {
    group_key(scope, group).join(&key![target.id, target.port])
}

/// A load balancer.
pub(super) fn load_balancer(
    snapshot: &Snapshot,
    scope: &Scope,
    id: &LoadBalancerId,
) -> Option<Versioned<LoadBalancerRow>> {
    snapshot.get::<LoadBalancerRow>(&key![scope, id.name.as_str()]).filter(|found| found.id == *id)
}

/// A target group.
pub(super) fn target_group(
    snapshot: &Snapshot,
    scope: &Scope,
    id: &TargetGroupId,
) -> Option<Versioned<TargetGroupRow>> {
    snapshot.get::<TargetGroupRow>(&key![scope, id.name.as_str()]).filter(|found| found.id == *id)
}

/// A load balancer's listeners.
pub(super) fn listeners(
    snapshot: &Snapshot,
    scope: &Scope,
    id: &LoadBalancerId,
) -> Vec<Versioned<ListenerRow>> {
    snapshot.all(&load_balancer_prefix(scope, id)).collect()
}

/// The groups that a load balancer forwards to.
pub(super) fn groups_of(snapshot: &Snapshot, scope: &Scope, id: &LoadBalancerId) -> BTreeSet<TargetGroupId> {
    let listeners = listeners(snapshot, scope, id);
    let rules = snapshot.all::<RuleRow>(&load_balancer_prefix(scope, id));
    let rules: Vec<_> = rules.collect();
    let actions = listeners.iter().map(|it| &it.default_action).chain(rules.iter().map(|it| &it.action));
    actions.flat_map(Action::groups).cloned().collect()
}

/// A listener's rules by rising priority, without the default one.
pub(super) fn rules(snapshot: &Snapshot, scope: &Scope, id: &ListenerId) -> Vec<Versioned<RuleRow>> {
    snapshot.all_by(BY_PRIORITY, &listener_key(scope, id)).collect()
}

/// A group's targets.
pub(super) fn targets(snapshot: &Snapshot, scope: &Scope, id: &TargetGroupId) -> Vec<Versioned<TargetRow>> {
    snapshot.all(&group_key(scope, id)).collect()
}

/// The load balancer whose listener or rule forwards to a group.
pub(super) fn user_of(snapshot: &Snapshot, scope: &Scope, group: &TargetGroupId) -> Option<LoadBalancerId> {
    let key = group_key(scope, group);
    let listener = snapshot.all_by::<ListenerRow>(BY_GROUP, &key).next();
    let rule = || snapshot.all_by::<RuleRow>(BY_GROUP, &key).next();
    listener
        .map(|listener| listener.id.load_balancer.clone())
        .or_else(|| rule().map(|rule| rule.id.listener.load_balancer.clone()))
}

/// Writes a row as it is, so that of two transactions that do so one meets a conflict.
pub(super) fn touch<R: Row>(txn: Txn, row: &Versioned<R>) -> Txn {
    txn.update(row, &row.row)
}
