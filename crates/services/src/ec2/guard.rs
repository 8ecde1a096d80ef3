//! What a node must know of security groups: its interfaces, their groups, and the members of the groups that
//! rules name. A door for `control`, which sends it whenever it has changed.

use std::collections::{BTreeMap, BTreeSet};

use model::Scope;
use model::ec2::{Direction, NetworkInterface, Peer, SecurityGroup, Traffic};
use store::{Row, Snapshot, key};
use wire::link::{GroupRules, GuardedInterface, PacketKind, PacketPeer, PacketRule, SecurityGroups};

use super::store::{self as tables, BY_VPC, HELD, InterfaceRow, SecurityGroupRow, SubnetRow};

/// The tables whose changes may concern a node's security groups.
pub const TABLES: [&str; 2] = [<InterfaceRow as Row>::TABLE, <SecurityGroupRow as Row>::TABLE];

/// The security groups of a node with these interfaces of tasks. The addresses of load balancers are on it too: the
/// balancer is in the node's own process.
pub fn of_node(snapshot: &Snapshot, interfaces: &[(Scope, String)]) -> SecurityGroups {
    let of_tasks =
        interfaces.iter().filter_map(|(scope, id)| tables::find::<InterfaceRow>(snapshot, scope, id));
    let mut found: Vec<NetworkInterface> = of_tasks.map(|row| row.row.0.clone()).collect();
    let held: Vec<_> = snapshot.all_by::<InterfaceRow>(HELD, &key![]).map(|row| row.row.0.clone()).collect();
    let balancers: BTreeSet<_> = held.iter().map(|it| it.id.clone()).collect();
    found.extend(held);
    found.sort_by_key(|it| it.address);
    let mut groups = BTreeMap::new();
    for interface in &found {
        for id in &interface.security_groups {
            add(snapshot, &interface.scope, id, &mut groups);
        }
    }
    let gateway = |interface: &NetworkInterface| {
        let subnet = tables::find::<SubnetRow>(snapshot, &interface.scope, &interface.subnet_id)?;
        Some(format!("{}/{}", subnet.cidr.gateway()?, subnet.cidr.prefix()))
    };
    let interfaces = found.iter().map(|interface| GuardedInterface {
        address: interface.address,
        vpc_id: interface.vpc_id.clone(),
        groups: interface.security_groups.clone(),
        held: balancers.contains(&interface.id).then(|| gateway(interface)).flatten(),
    });
    SecurityGroups {
        message_id: String::new(),
        interfaces: interfaces.collect(),
        groups: groups.into_values().collect(),
    }
}

/// Adds a group and, by their members alone, the groups that its rules name.
fn add(snapshot: &Snapshot, scope: &Scope, id: &str, groups: &mut BTreeMap<String, GroupRules>) {
    if groups.get(id).is_some_and(|known| !known.ingress.is_empty() || !known.egress.is_empty()) {
        return;
    }
    let Some(group) = tables::find::<SecurityGroupRow>(snapshot, scope, id) else { return };
    let rules = GroupRules {
        id: group.id.clone(),
        ingress: rules(&group, Direction::Ingress),
        egress: rules(&group, Direction::Egress),
        members: Vec::new(),
    };
    let members = groups.get(id).map(|known| known.members.clone()).unwrap_or_default();
    groups.insert(id.to_owned(), GroupRules { members, ..rules });
    for rule in &group.rules {
        let Peer::Group(named) = &rule.permission.peer else { continue };
        let nothing =
            || GroupRules { id: named.clone(), ingress: Vec::new(), egress: Vec::new(), members: Vec::new() };
        let entry = groups.entry(named.clone()).or_insert_with(nothing);
        if entry.members.is_empty() {
            entry.members = members_of(snapshot, &group, named);
        }
    }
}

fn members_of(snapshot: &Snapshot, group: &SecurityGroup, named: &str) -> Vec<std::net::Ipv4Addr> {
    let within = snapshot.all_by::<InterfaceRow>(BY_VPC, &key![group.scope, group.vpc_id]);
    let mut members: Vec<_> = within
        .filter(|interface| interface.security_groups.iter().any(|id| id == named))
        .map(|interface| interface.address)
        .collect();
    members.sort_unstable();
    members
}

fn rules(group: &SecurityGroup, direction: Direction) -> Vec<PacketRule> {
    let wanted = group.rules.iter().filter(|rule| rule.permission.direction == direction);
    let rule = |permission: &model::ec2::Permission| {
        let peer = match &permission.peer {
            Peer::Block(cidr) => PacketPeer::Block(cidr.to_string()),
            Peer::Group(id) => PacketPeer::Group(id.clone()),
            // No packet ever comes from there.
            Peer::Block6(_) => return None,
        };
        Some(PacketRule { traffic: kind(permission.traffic), peer })
    };
    let mut rules: Vec<_> = wanted.filter_map(|it| rule(&it.permission)).collect();
    rules.sort();
    rules
}

fn kind(traffic: Traffic) -> PacketKind {
    match traffic {
        Traffic::All => PacketKind::All,
        Traffic::Tcp(ports) => PacketKind::Tcp(ports.first(), ports.last()),
        Traffic::Udp(ports) => PacketKind::Udp(ports.first(), ports.last()),
        Traffic::Icmp { kind, code } => PacketKind::Icmp(kind, code),
        Traffic::Other(number) => PacketKind::Protocol(number),
    }
}
