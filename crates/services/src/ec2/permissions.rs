//! Rules of security groups as requests write them: `IpPermissions`, each a product of one kind of
//! traffic with any number of peers, into the single rules that are stored, and back.

use std::collections::BTreeMap;

use model::ec2::{Cidr, Direction, Peer, Permission, PortRange, SecurityGroup, SecurityGroupRule, Traffic};
use store::Snapshot;
use wire::ec2 as shapes;

use super::error::Error;
use super::groups;
use super::store::{self as tables, SecurityGroupRow};

/// EC2's default limit of rules of one direction in a group.
const LIMIT: usize = 60;

/// A permission that a request names, with its description.
pub type Wanted = (Permission, Option<String>);

/// The permissions of a request about `group`.
///
/// # Errors
/// EC2's own, for what is no permission, or none that can be enforced here.
pub fn read(
    snapshot: &Snapshot,
    group: &SecurityGroup,
    direction: Direction,
    given: &[shapes::IpPermission],
) -> Result<Vec<Wanted>, Error> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for shape in given {
        let traffic = traffic(shape)?;
        for (peer, description) in peers(snapshot, group, shape)? {
            let permission = Permission { direction, traffic, peer };
            if wanted.iter().any(|(other, _)| *other == permission) {
                return Err(Error::Parameter("The same permission must not appear multiple times".into()));
            }
            wanted.push((permission, description));
        }
    }
    if wanted.is_empty() {
        return Err(Error::Missing("ipPermissions"));
    }
    Ok(wanted)
}

/// Adds rules for the permissions; answers the group with them, and them alone.
///
/// # Errors
/// `InvalidPermission.Duplicate`, `RulesPerSecurityGroupLimitExceeded`.
pub fn add(
    group: &SecurityGroup,
    wanted: Vec<Wanted>,
    tags: &BTreeMap<String, String>,
    ids: &mut dyn model::IdSource,
) -> Result<(SecurityGroup, Vec<SecurityGroupRule>), Error> {
    let mut new = group.clone();
    let mut added = Vec::new();
    for (permission, description) in wanted {
        if group.rules.iter().any(|rule| rule.permission == permission) {
            return Err(Error::DuplicateRule(text(&permission)));
        }
        let rule =
            SecurityGroupRule { id: groups::rule_id(ids), permission, description, tags: tags.clone() };
        added.push(rule.clone());
        new.rules.push(rule);
    }
    for direction in [Direction::Ingress, Direction::Egress] {
        if new.rules.iter().filter(|rule| rule.permission.direction == direction).count() > LIMIT {
            return Err(Error::TooManyRules);
        }
    }
    Ok((new, added))
}

/// How EC2 names a permission in an error.
pub fn text(permission: &Permission) -> String {
    let peer = &permission.peer;
    let ports = |name: &str, range: &PortRange| {
        format!("peer: {peer}, {name}, from port: {}, to port: {}, ALLOW", range.first(), range.last())
    };
    match &permission.traffic {
        Traffic::All => format!("peer: {peer}, ALL, ALLOW"),
        Traffic::Tcp(range) => ports("TCP", range),
        Traffic::Udp(range) => ports("UDP", range),
        Traffic::Icmp { kind, code } => {
            let any = |number: &Option<u8>| number.map_or("ALL".to_owned(), |number| number.to_string());
            format!("peer: {peer}, ICMP, type: {}, code: {}, ALLOW", any(kind), any(code))
        }
        Traffic::Other(number) => format!("peer: {peer}, {number}, ALLOW"),
    }
}

fn traffic(shape: &shapes::IpPermission) -> Result<Traffic, Error> {
    let protocol = shape.ip_protocol.as_deref().ok_or_else(|| {
        Error::Parameter(
            "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly."
                .into(),
        )
    })?;
    match protocol.to_ascii_lowercase().as_str() {
        "-1" => Ok(Traffic::All),
        "tcp" | "6" => ports(shape).map(Traffic::Tcp),
        "udp" | "17" => ports(shape).map(Traffic::Udp),
        "icmp" | "1" => {
            let code = icmp(shape.to_port, "code")?;
            match icmp(shape.from_port, "type")? {
                None if code.is_some() => {
                    Err(Error::Parameter("ICMP code must be -1 where the type is -1".into()))
                }
                kind => Ok(Traffic::Icmp { kind, code }),
            }
        }
        "icmpv6" => Ok(Traffic::Other(58)),
        other => other.parse().map(Traffic::Other).map_err(|_| {
            Error::Parameter(format!("Invalid value '{protocol}' for IP protocol. Unknown protocol."))
        }),
    }
}

fn ports(shape: &shapes::IpPermission) -> Result<PortRange, Error> {
    let (Some(first), Some(last)) = (shape.from_port, shape.to_port) else {
        let text = "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.";
        return Err(Error::Parameter(text.into()));
    };
    let port = |number: i32| {
        u16::try_from(number).map_err(|_| Error::Parameter(format!("TCP/UDP port ({number}) out of range")))
    };
    PortRange::new(port(first)?, port(last)?)
        .map_err(|_| Error::Parameter(format!("Invalid TCP/UDP port range ({first}:{last})")))
}

fn icmp(number: Option<i32>, what: &str) -> Result<Option<u8>, Error> {
    match number {
        None | Some(-1) => Ok(None),
        Some(number) => u8::try_from(number)
            .map(Some)
            .map_err(|_| Error::Parameter(format!("ICMP {what} ({number}) out of range"))),
    }
}

fn peers(
    snapshot: &Snapshot,
    group: &SecurityGroup,
    shape: &shapes::IpPermission,
) -> Result<Vec<(Peer, Option<String>)>, Error> {
    let mut peers = Vec::new();
    for range in shape.ip_ranges.iter().flatten() {
        let raw = range.cidr_ip.as_deref().ok_or(Error::Missing("cidrIp"))?;
        let cidr =
            Cidr::canonical(raw).map_err(|_| Error::Parameter(format!("CIDR block {raw} is malformed")))?;
        peers.push((Peer::Block(cidr), range.description.clone()));
    }
    for range in shape.ipv6_ranges.iter().flatten() {
        let raw = range.cidr_ipv6.as_deref().ok_or(Error::Missing("cidrIpv6"))?;
        let (address, prefix) = raw.split_once('/').unwrap_or((raw, ""));
        let address = address.parse::<std::net::Ipv6Addr>().ok();
        let prefix = prefix.parse::<u8>().ok().filter(|prefix| *prefix <= 128);
        let (Some(address), Some(prefix)) = (address, prefix) else {
            return Err(Error::Parameter(format!("CIDR block {raw} is malformed")));
        };
        peers.push((Peer::Block6(format!("{address}/{prefix}")), range.description.clone()));
    }
    for pair in shape.user_id_group_pairs.iter().flatten() {
        peers.push((Peer::Group(referenced(snapshot, group, pair)?), pair.description.clone()));
    }
    if let Some(list) = shape.prefix_list_ids.iter().flatten().next() {
        return Err(Error::PrefixListNotFound(list.prefix_list_id.clone().unwrap_or_default()));
    }
    if let Some(long) = peers.iter().filter_map(|(_, d)| d.as_ref()).find(|d| d.chars().count() > 255) {
        return Err(Error::Parameter(format!(
            "Invalid rule description '{long}'. It must be at most 255 characters."
        )));
    }
    Ok(peers)
}

/// The group that a pair names; it must be of the same VPC, since no network leads to another one.
fn referenced(
    snapshot: &Snapshot,
    group: &SecurityGroup,
    pair: &shapes::UserIdGroupPair,
) -> Result<String, Error> {
    if pair.vpc_peering_connection_id.is_some() {
        return Err(Error::Unsupported("VPC peering is not supported: VPCs are apart from each other."));
    }
    let own = group.scope.account.as_str();
    let found = match (&pair.group_id, &pair.group_name) {
        (Some(id), _) => tables::find::<SecurityGroupRow>(snapshot, &group.scope, id),
        (None, Some(name)) => groups::by_name(snapshot, &group.scope, &group.vpc_id, name),
        (None, None) => return Err(Error::Missing("groupId")),
    };
    let named = pair.group_id.clone().or_else(|| pair.group_name.clone()).unwrap_or_default();
    let mine = pair.user_id.as_ref().is_none_or(|user| user == own);
    let found = found.filter(|_| mine).ok_or_else(|| Error::GroupNotFound(named.clone()))?;
    if found.vpc_id == group.vpc_id { Ok(found.id.clone()) } else { Err(Error::GroupNotFound(named)) }
}

/// A permission's protocol and ports on the wire.
pub fn write_traffic(traffic: &Traffic) -> (String, Option<i32>, Option<i32>) {
    let ports = |name: &str, range: &PortRange| {
        (name.to_owned(), Some(i32::from(range.first())), Some(i32::from(range.last())))
    };
    match traffic {
        Traffic::All => ("-1".into(), None, None),
        Traffic::Tcp(range) => ports("tcp", range),
        Traffic::Udp(range) => ports("udp", range),
        Traffic::Icmp { kind, code } => {
            let any = |number: &Option<u8>| Some(number.map_or(-1, i32::from));
            ("icmp".into(), any(kind), any(code))
        }
        Traffic::Other(58) => ("icmpv6".into(), Some(-1), Some(-1)),
        Traffic::Other(number) => (number.to_string(), None, None),
    }
}

/// A group's rules of one direction as `IpPermissions`: one for each kind of traffic.
pub fn write(group: &SecurityGroup, direction: Direction) -> Vec<shapes::IpPermission> {
    let mut by_traffic: BTreeMap<Traffic, shapes::IpPermission> = BTreeMap::new();
    for rule in group.rules.iter().filter(|rule| rule.permission.direction == direction) {
        let shape = by_traffic.entry(rule.permission.traffic).or_insert_with(|| {
            let (ip_protocol, from_port, to_port) = write_traffic(&rule.permission.traffic);
            shapes::IpPermission {
                ip_protocol: Some(ip_protocol),
                from_port,
                to_port,
                user_id_group_pairs: Some(Vec::new()),
                ip_ranges: Some(Vec::new()),
                ipv6_ranges: Some(Vec::new()),
                prefix_list_ids: Some(Vec::new()),
            }
        });
        let description = rule.description.clone();
        match &rule.permission.peer {
            Peer::Block(cidr) => {
                let range = shapes::IpRange { cidr_ip: Some(cidr.to_string()), description };
                shape.ip_ranges.get_or_insert_default().push(range);
            }
            Peer::Block6(cidr) => {
                let range = shapes::Ipv6Range { cidr_ipv6: Some(cidr.clone()), description };
                shape.ipv6_ranges.get_or_insert_default().push(range);
            }
            Peer::Group(id) => {
                let pair = shapes::UserIdGroupPair {
                    user_id: Some(group.scope.account.to_string()),
                    group_id: Some(id.clone()),
                    description,
                    ..shapes::UserIdGroupPair::default()
                };
                shape.user_id_group_pairs.get_or_insert_default().push(pair);
            }
        }
    }
    by_traffic.into_values().collect()
}
