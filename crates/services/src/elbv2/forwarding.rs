//! Whether an action fits what is stored: its target groups exist, speak what the listener speaks, and belong to
//! no other load balancer.

use std::collections::BTreeSet;

use model::elbv2::{Action, LoadBalancer, Protocol, ProtocolVersion, TargetGroup, TargetGroupId};
use store::{Snapshot, Txn, Versioned};

use super::error::{Code, Error};
use super::store::{self as tables, TargetGroupRow, touch};

/// Target groups that one load balancer may use.
const MOST: usize = 100;

/// The target groups of `action`, which a listener of `load_balancer` that speaks `protocol` is to do.
pub(super) fn groups(
    snapshot: &Snapshot,
    load_balancer: &LoadBalancer,
    protocol: Protocol,
    action: &Action,
) -> Result<Vec<Versioned<TargetGroupRow>>, Error> {
    let mut found = Vec::new();
    for id in action.groups() {
        let arn = id.arn(&load_balancer.scope);
        let group = tables::target_group(snapshot, &load_balancer.scope, id).ok_or_else(|| {
            Error::client(Code::TargetGroupNotFound, format!("Target group '{arn}' not found"))
        })?;
        check(snapshot, load_balancer, protocol, &group)?;
        found.push(group);
    }
    if !found.is_empty() && used(snapshot, load_balancer, action).len() > MOST {
        return Err(Error::client(
            Code::TooManyUniqueTargetGroupsPerLoadBalancer,
            format!("The maximum number of target groups of a load balancer is '{MOST}'"),
        ));
    }
    Ok(found)
}

/// Guards `txn` against the deletion, or another load balancer's use, of the groups at the same moment.
pub(super) fn guard(txn: Txn, groups: &[Versioned<TargetGroupRow>]) -> Txn {
    groups.iter().fold(txn, touch)
}

fn check(
    snapshot: &Snapshot,
    load_balancer: &LoadBalancer,
    protocol: Protocol,
    group: &TargetGroup,
) -> Result<(), Error> {
    let arn = group.arn();
    let fits = match protocol {
        Protocol::Http | Protocol::Https => group.protocol.is_http(),
        Protocol::Tcp => group.protocol == Protocol::Tcp,
        Protocol::Tls => !group.protocol.is_http(),
    };
    if !fits {
        let message = format!(
            "Target group '{arn}' with the protocol '{}' cannot be used by a listener with the protocol '{protocol}'",
            group.protocol
        );
        return Err(Error::client(Code::IncompatibleProtocols, message));
    }
    if group.protocol_version == Some(ProtocolVersion::Grpc) && protocol != Protocol::Https {
        let message =
            format!("Target group '{arn}' with the protocol version 'GRPC' needs an HTTPS listener");
        return Err(Error::client(Code::IncompatibleProtocols, message));
    }
    if group.vpc_id != load_balancer.vpc_id {
        return Err(Error::validation(format!(
            "The following target groups are not in the VPC of the load balancer: '{arn}'"
        )));
    }
    match tables::user_of(snapshot, &group.scope, &group.id) {
        Some(other) if other != load_balancer.id => Err(Error::client(
            Code::TargetGroupAssociationLimit,
            format!(
                "The following target groups cannot be associated with more than one load balancer: {arn}"
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

fn used(snapshot: &Snapshot, load_balancer: &LoadBalancer, action: &Action) -> BTreeSet<TargetGroupId> {
    let mut used: BTreeSet<_> = action.groups().cloned().collect();
    for listener in tables::listeners(snapshot, &load_balancer.scope, &load_balancer.id) {
        used.extend(listener.default_action.groups().cloned());
        for rule in tables::rules(snapshot, &load_balancer.scope, &listener.id) {
            used.extend(rule.action.groups().cloned());
        }
    }
    used
}
