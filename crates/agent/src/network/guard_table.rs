//! The nftables text of a snapshot of security groups. Pure.
//!
//! Interfaces with the same groups share a chain for what they may receive and one for what they may send; a
//! map leads from an address to its chains. A chain returns where a rule allows and drops at its end, so
//! that a packet between two interfaces passes the sender's and the receiver's. What has no chain is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use wire::link::{GroupRules, GuardedInterface, PacketKind, PacketPeer, PacketRule, SecurityGroups};

use super::bridge::LOCAL;
use super::names::Names;

/// The two directions of a packet, seen from the interface.
#[derive(Clone, Copy)]
pub(super) enum Direction {
    /// To it.
    Ingress,
    /// From it.
    Egress,
}

/// A script that replaces the whole table, and the set of held addresses in the instance's main table.
pub fn render(names: &Names, wanted: &SecurityGroups) -> String {
    let table = names.groups_table();
    let groups: BTreeMap<&str, &GroupRules> = wanted.groups.iter().map(|it| (it.id.as_str(), it)).collect();
    let mut text = format!("add table ip {table}\ndelete table ip {table}\nadd table ip {table}\n");
    sets(&mut text, names, wanted);
    for group in groups.values().filter(|group| is_named(wanted, &group.id)) {
        let name = members(&group.id);
        set(&mut text, &table, &name, "ipv4_addr", group.members.iter().map(ToString::to_string).collect());
    }
    let profiles: BTreeSet<BTreeSet<&str>> = wanted.interfaces.iter().map(profile).collect();
    for profile in &profiles {
        for direction in [Direction::Ingress, Direction::Egress] {
            chain(&mut text, &table, profile, direction, &groups);
        }
    }
    for direction in [Direction::Ingress, Direction::Egress] {
        let name = map(direction);
        let _ = writeln!(text, "add map ip {table} {name} {{ type ipv4_addr : verdict; }}");
        for interface in &wanted.interfaces {
            let (address, chain) = (interface.address, chain_name(&profile(interface), direction));
            let _ = writeln!(text, "add element ip {table} {name} {{ {address} : goto {chain} }}");
        }
    }
    hooks(&mut text, names);
    text
}

/// The sets of addresses that the node holds itself.
fn sets(text: &mut String, names: &Names, wanted: &SecurityGroups) {
    let held: Vec<&GuardedInterface> = wanted.interfaces.iter().filter(|it| it.held.is_some()).collect();
    let on_bridge = |it: &&GuardedInterface| format!("\"{}\" . {}", names.bridge(&it.vpc_id), it.address);
    let pairs: Vec<String> = held.iter().map(on_bridge).collect();
    let (main, table) = (&names.table, names.groups_table());
    let _ = writeln!(text, "flush set ip {main} held");
    for pair in &pairs {
        let _ = writeln!(text, "add element ip {main} held {{ {pair} }}");
    }
    set(text, &table, "held", "ifname . ipv4_addr", pairs);
    let addresses = held.iter().map(|it| it.address.to_string()).collect();
    set(text, &table, "balancers", "ipv4_addr", addresses);
}

fn set(text: &mut String, table: &str, name: &str, kind: &str, elements: Vec<String>) {
    let _ = writeln!(text, "add set ip {table} {name} {{ type {kind}; }}");
    if !elements.is_empty() {
        let _ = writeln!(text, "add element ip {table} {name} {{ {} }}", elements.join(", "));
    }
}

/// Where packets meet the chains. What the node itself sends is let through: see `docs/networks.md`.
fn hooks(text: &mut String, names: &Names) {
    let (table, bridges, local) = (names.groups_table(), names.bridge_pattern(), names.bridge(LOCAL));
    let of_tasks = |side: &str| format!("{side} \"{bridges}\" {side} != \"{local}\"");
    let (from, to) = (of_tasks("iifname"), of_tasks("oifname"));
    let under_way = "ct state established,related accept";
    let chains = [
        ("egress", "", vec![format!("ip saddr vmap @{}", map(Direction::Egress)), "drop".into()]),
        ("ingress", "", vec![format!("ip daddr vmap @{}", map(Direction::Ingress)), "drop".into()]),
        (
            "forward",
            "forward",
            vec![under_way.into(), format!("{from} jump egress"), format!("{to} jump ingress")],
        ),
        (
            "input",
            "input",
            vec![
                under_way.into(),
                "iifname . ip daddr @held jump egress".into(),
                // Whoever it comes from: a task, another machine, or a process of this one.
                "ip daddr @balancers jump ingress".into(),
            ],
        ),
        (
            "output",
            "output",
            vec![
                under_way.into(),
                "oifname \"lo\" accept".into(),
                "ip saddr @balancers jump egress".into(),
                format!("{to} ip saddr @balancers oifname . ip saddr != @held drop"),
                format!("{to} ip saddr @balancers jump ingress"),
            ],
        ),
    ];
    for (name, hook, rules) in chains {
        let kind = match hook {
            "" => String::new(),
            hook => format!(" {{ type filter hook {hook} priority filter; policy accept; }}"),
        };
        let _ = writeln!(text, "add chain ip {table} {name}{kind}");
        for rule in rules {
            let _ = writeln!(text, "add rule ip {table} {name} {rule}");
        }
    }
}

fn chain(
    text: &mut String,
    table: &str,
    profile: &BTreeSet<&str>,
    direction: Direction,
    groups: &BTreeMap<&str, &GroupRules>,
) {
    let name = chain_name(profile, direction);
    let of_group = |group: &&GroupRules| match direction {
        Direction::Ingress => group.ingress.clone(),
        Direction::Egress => group.egress.clone(),
    };
    let rules: BTreeSet<PacketRule> =
        profile.iter().filter_map(|id| groups.get(id)).flat_map(of_group).collect();
    let _ = writeln!(text, "add chain ip {table} {name}");
    for rule in &rules {
        let _ = writeln!(text, "add rule ip {table} {name} {}return", matches(rule, direction));
    }
    // Only a network load balancer may have no groups, and is open then.
    let rest = if profile.is_empty() { "return" } else { "drop" };
    let _ = writeln!(text, "add rule ip {table} {name} {rest}");
}

/// The condition of a rule, with a blank behind each part.
fn matches(rule: &PacketRule, direction: Direction) -> String {
    let side = match direction {
        Direction::Ingress => "saddr",
        Direction::Egress => "daddr",
    };
    let peer = match &rule.peer {
        PacketPeer::Block(block) if block.ends_with("/0") => String::new(),
        PacketPeer::Block(block) => format!("ip {side} {block} "),
        PacketPeer::Group(id) => format!("ip {side} @{} ", members(id)),
    };
    let traffic = match rule.traffic {
        PacketKind::All => String::new(),
        PacketKind::Tcp(first, last) => format!("tcp dport {first}-{last} "),
        PacketKind::Udp(first, last) => format!("udp dport {first}-{last} "),
        PacketKind::Icmp(None, _) => "ip protocol icmp ".into(),
        PacketKind::Icmp(Some(kind), None) => format!("icmp type {kind} "),
        PacketKind::Icmp(Some(kind), Some(code)) => format!("icmp type {kind} icmp code {code} "),
        PacketKind::Protocol(number) => format!("ip protocol {number} "),
    };
    peer + &traffic
}

pub(super) fn is_named(wanted: &SecurityGroups, id: &str) -> bool {
    let names = |rule: &PacketRule| matches!(&rule.peer, PacketPeer::Group(named) if named == id);
    wanted.groups.iter().any(|group| group.ingress.iter().chain(&group.egress).any(names))
}

pub(super) fn profile(interface: &GuardedInterface) -> BTreeSet<&str> {
    interface.groups.iter().map(String::as_str).collect()
}

pub(super) fn chain_name(profile: &BTreeSet<&str>, direction: Direction) -> String {
    let joined = profile.iter().copied().collect::<Vec<_>>().join(" ");
    let prefix = match direction {
        Direction::Ingress => "to",
        Direction::Egress => "from",
    };
    format!("{prefix}_{}", &hex::encode(Sha256::digest(joined))[..16])
}

pub(super) fn map(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "receivers",
        Direction::Egress => "senders",
    }
}

pub(super) fn members(group: &str) -> String {
    format!("members_{}", group.chars().filter(char::is_ascii_alphanumeric).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(address: &str, groups: &[&str], held: Option<&str>) -> GuardedInterface {
        GuardedInterface {
            address: address.parse().unwrap(),
            vpc_id: "vpc-1".into(),
            groups: groups.iter().map(|id| (*id).into()).collect(),
            held: held.map(Into::into),
        }
    }

    fn wanted() -> SecurityGroups {
        let rule = |traffic, peer| PacketRule { traffic, peer };
        let http = rule(PacketKind::Tcp(80, 81), PacketPeer::Group("sg-2".into()));
        let all = rule(PacketKind::All, PacketPeer::Block("0.0.0.0/0".into()));
        let ping = rule(PacketKind::Icmp(Some(8), None), PacketPeer::Block("10.0.0.0/8".into()));
        let group = |id: &str, ingress: &[&PacketRule], members: &[&str]| GroupRules {
            id: id.into(),
            ingress: ingress.iter().map(|rule| (*rule).clone()).collect(),
            egress: vec![all.clone()],
            members: members.iter().map(|it| it.parse().unwrap()).collect(),
        };
        SecurityGroups {
            message_id: "m".into(),
            interfaces: vec![
                interface("10.0.0.4", &["sg-1"], None),
                interface("10.0.0.5", &["sg-1"], None),
                interface("10.0.0.6", &["sg-2"], Some("10.0.0.1/24")),
            ],
            groups: vec![group("sg-1", &[&http, &ping], &["10.0.0.4"]), group("sg-2", &[], &["10.0.0.6"])],
        }
    }

    #[test]
    fn interfaces_of_the_same_groups_share_chains() {
        let text = render(&Names::new("0a1b2", std::path::Path::new("/run/x")), &wanted());
        assert_eq!(text.matches("add chain ip longshore-0a1b2-groups to_").count(), 2);
        assert_eq!(text.matches("receivers { 10.0.0.").count(), 3);
        assert!(text.contains(" ip saddr @members_sg2 tcp dport 80-81 return\n"));
        assert!(text.contains(" ip saddr 10.0.0.0/8 icmp type 8 return\n"));
        assert!(text.contains("members_sg2 { 10.0.0.6 }\n") && !text.contains("members_sg1"));
    }

    #[test]
    fn an_address_that_the_node_holds_belongs_to_its_bridge() {
        let names = Names::new("0a1b2", std::path::Path::new("/run/x"));
        let text = render(&names, &wanted());
        let pair = format!("held {{ \"{}\" . 10.0.0.6 }}\n", names.bridge("vpc-1"));
        assert_eq!(text.matches(&pair).count(), 2);
        assert!(text.contains("balancers { 10.0.0.6 }\n"));
    }

    #[test]
    fn a_load_balancer_without_groups_is_open() {
        let wanted = SecurityGroups {
            interfaces: vec![interface("10.0.0.6", &[], Some("10.0.0.1/24"))],
            ..SecurityGroups::default()
        };
        let text = render(&Names::new("0a1b2", std::path::Path::new("/run/x")), &wanted);
        assert_eq!(text.matches("_e3b0c44298fc1c14 return\n").count(), 2, "{text}");
        assert!(text.contains(" input ip daddr @balancers jump ingress\n"));
    }

    #[test]
    fn an_empty_snapshot_lets_nothing_pass() {
        let text = render(&Names::new("0a1b2", std::path::Path::new("/run/x")), &SecurityGroups::default());
        assert!(text.contains("ingress ip daddr vmap @receivers\n") && text.contains("ingress drop\n"));
    }
}
