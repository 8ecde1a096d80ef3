//! The doors of this room: what the ecs room does with target groups and rules, and what `control` reads and reports.
//!
//! Doors that write add to the caller's transaction, so that a task and its registration are written together or
//! not at all. Everything may be said twice.

use std::time::Duration;

use model::elbv2::{Protocol, TargetHealth, TargetKey, TargetType};
use model::{Scope, Timestamp};
use store::{Snapshot, Store, Txn};

use super::error::Error;
use super::rules::health;
use super::store as tables;
use super::{find, targets};

pub use super::targets::NewTarget;

/// The tables whose changes may change a target's health, a group's use, or the routes.
pub const TABLES: &[&str] = tables::TABLES;

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
