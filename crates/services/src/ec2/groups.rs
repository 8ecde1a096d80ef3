//! What the operations on security groups share: finding one, its default rules, who uses it.

use std::collections::BTreeMap;

use model::ec2::{Cidr, Direction, Peer, SecurityGroup, SecurityGroupRule, Traffic, Vpc};
use model::{IdSource, Scope};
use store::{Snapshot, Versioned};

use super::error::Error;
use super::store::{self as tables, InterfaceRow, SecurityGroupRow};

/// The name of the group that every VPC has from its beginning to its end.
pub const DEFAULT: &str = "default";

/// A VPC's default group: its members reach each other, and everything else.
pub fn default_group(vpc: &Vpc, ids: &mut dyn IdSource) -> SecurityGroup {
    let id = format!("sg-{}", ids.hex(17));
    let among = rule(Direction::Ingress, Peer::Group(id.clone()), ids);
    SecurityGroup {
        scope: vpc.scope.clone(),
        id,
        vpc_id: vpc.id.clone(),
        name: DEFAULT.into(),
        description: "default VPC security group".into(),
        rules: vec![among, all_egress(ids)],
        tags: BTreeMap::new(),
    }
}

/// The rule that every new group has: its members may send anything to anyone.
pub fn all_egress(ids: &mut dyn IdSource) -> SecurityGroupRule {
    let everyone = Cidr::new(std::net::Ipv4Addr::UNSPECIFIED, 0).expect("0.0.0.0/0 is a block");
    rule(Direction::Egress, Peer::Block(everyone), ids)
}

fn rule(direction: Direction, peer: Peer, ids: &mut dyn IdSource) -> SecurityGroupRule {
    SecurityGroupRule::new(rule_id(ids), direction, Traffic::All, peer)
}

/// An id for a rule.
pub fn rule_id(ids: &mut dyn IdSource) -> String {
    format!("sgr-{}", ids.hex(17))
}

/// The group that a request names by its id, or by its name in the default VPC.
///
/// # Errors
/// `InvalidGroup.NotFound`, or `MissingParameter` when neither is given.
pub fn named(
    snapshot: &Snapshot,
    scope: &Scope,
    id: Option<&str>,
    name: Option<&str>,
) -> Result<Versioned<SecurityGroupRow>, Error> {
    match (id, name) {
        (Some(id), _) => tables::find(snapshot, scope, id).ok_or_else(|| Error::GroupNotFound(id.to_owned())),
        (None, Some(name)) => {
            let vpc = tables::default_vpc(snapshot, scope).ok_or(Error::NoDefaultVpc)?;
            by_name(snapshot, scope, &vpc.id, name).ok_or_else(|| Error::GroupNotFound(name.to_owned()))
        }
        (None, None) => Err(Error::Missing("groupName or groupId")),
    }
}

/// The group of a VPC with this name.
pub fn by_name(
    snapshot: &Snapshot,
    scope: &Scope,
    vpc_id: &str,
    name: &str,
) -> Option<Versioned<SecurityGroupRow>> {
    let mut all = tables::all::<SecurityGroupRow>(snapshot, scope).into_iter();
    all.find(|group| group.vpc_id == vpc_id && group.name == name)
}

/// Whether an interface is a member of the group, or a rule of another group names it.
pub fn is_used(snapshot: &Snapshot, group: &SecurityGroup) -> bool {
    let names = |rule: &SecurityGroupRule| rule.permission.peer == Peer::Group(group.id.clone());
    tables::all::<InterfaceRow>(snapshot, &group.scope)
        .iter()
        .any(|it| it.security_groups.contains(&group.id))
        || tables::all::<SecurityGroupRow>(snapshot, &group.scope)
            .iter()
            .any(|other| other.id != group.id && other.rules.iter().any(names))
}
