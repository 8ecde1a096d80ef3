//! Registering and deregistering, as the API and the ecs room both do it.
//!
//! Everything may be said twice. A deregistered target stays, draining, for its group's deregistration delay; one
//! of a group that nothing forwards to goes at once.

use std::net::IpAddr;
use std::time::Duration;

use model::elbv2::{Target, TargetGroup, TargetKey, TargetType};
use model::{Scope, Timestamp};
use store::{Snapshot, Store, Txn, Versioned, key};

use super::error::{Code, Error};
use super::store::{self as tables, DRAINING, TargetGroupRow, TargetRow};
use crate::ec2;

/// Targets of a group, at most.
const MOST: usize = 1000;
/// Drained targets that are removed at once.
const BATCH: usize = 50;

/// A target to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTarget {
    /// Which one.
    pub key: TargetKey,
    /// Where it is reached.
    pub address: IpAddr,
    /// Its zone, or `all`.
    pub availability_zone: Option<String>,
}

/// How long a group's deregistered targets drain.
pub(super) fn deregistration_delay(group: &TargetGroup) -> Duration {
    let seconds = group.attribute("deregistration_delay.timeout_seconds").parse().unwrap_or(300);
    Duration::from_secs(seconds)
}

/// Adds the registration of `targets` to `txn`. Those that are registered stay as they are.
pub(super) fn register(
    snapshot: &Snapshot,
    mut txn: Txn,
    group: &Versioned<TargetGroupRow>,
    targets: &[NewTarget],
    now: Timestamp,
) -> Result<Txn, Error> {
    let (scope, id) = (&group.scope, &group.id);
    let known = tables::targets(snapshot, scope, id).iter().filter(|it| it.draining_until.is_none()).count();
    let mut added = 0;
    txn = txn.expect_present::<TargetGroupRow>(&store::Row::key(&*group.row));
    for target in targets {
        let found = snapshot.get::<TargetRow>(&tables::target_key(scope, id, &target.key));
        let row = TargetRow(Target {
            scope: scope.clone(),
            group: id.clone(),
            key: target.key.clone(),
            address: target.address,
            availability_zone: target.availability_zone.clone().or_else(|| zone_of(snapshot, group, target)),
            registered_at: now,
            draining_until: None,
            seen: None,
        });
        match found {
            Some(found) if found.draining_until.is_none() && found.address == target.address => {}
            Some(found) => {
                added += usize::from(found.draining_until.is_some());
                txn = txn.update(&found, &row);
            }
            None => {
                added += 1;
                txn = txn.insert(&row);
            }
        }
    }
    if known + added > MOST {
        let message = format!("The maximum number of targets in target group '{}' is '{MOST}'", group.arn());
        return Err(Error::client(Code::TooManyTargets, message));
    }
    Ok(txn)
}

/// The zone of the subnet in which an `ip` target is. An instance is the machine itself, which stands in all zones.
fn zone_of(snapshot: &Snapshot, group: &TargetGroup, target: &NewTarget) -> Option<String> {
    match (group.target_type, target.address) {
        (TargetType::Ip, IpAddr::V4(address)) => {
            ec2::interfaces::zone_of(snapshot, &group.scope, &group.vpc_id, address)
        }
        (TargetType::Ip, IpAddr::V6(_)) | (TargetType::Instance, _) => None,
    }
}

/// Adds the deregistration of `targets` to `txn`. Unknown and draining ones stay as they are.
pub(super) fn deregister(
    snapshot: &Snapshot,
    mut txn: Txn,
    group: &TargetGroup,
    targets: &[TargetKey],
    now: Timestamp,
) -> Txn {
    let in_use = tables::user_of(snapshot, &group.scope, &group.id).is_some();
    let until = now + deregistration_delay(group);
    for target in targets {
        let key = tables::target_key(&group.scope, &group.id, target);
        let Some(found) = snapshot.get::<TargetRow>(&key) else { continue };
        if !in_use || until <= now {
            txn = txn.remove(&found);
        } else if found.draining_until.is_none() {
            let draining = TargetRow(Target { draining_until: Some(until), ..found.row.0.clone() });
            txn = txn.update(&found, &draining);
        }
    }
    txn
}

/// Removes targets whose draining is over. Returns when the next one's will be.
pub(super) async fn reap(store: &Store, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    loop {
        let snapshot = store.snapshot();
        let draining: Vec<_> = snapshot.page_by::<TargetRow>(DRAINING, &key![], None, BATCH);
        let over: Vec<_> =
            draining.iter().filter(|it| it.draining_until.is_some_and(|at| at <= now)).collect();
        if over.is_empty() {
            return Ok(draining.first().and_then(|next| next.draining_until));
        }
        let txn = over.iter().fold(Txn::new(), |txn, target| txn.remove(target));
        match store.commit(txn).await {
            Err(error) if !error.is_conflict() => return Err(error.into()),
            _done_or_conflict => {}
        }
    }
}

/// The registered target of a group, draining or not.
pub(super) fn find(
    snapshot: &Snapshot,
    scope: &Scope,
    group: &TargetGroup,
    target: &TargetKey,
) -> Option<Versioned<TargetRow>> {
    snapshot.get(&tables::target_key(scope, &group.id, target))
}
