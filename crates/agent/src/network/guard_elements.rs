//! What the table of security groups holds as elements, and what changes of it from one snapshot to the next. Pure.
//!
//! A task that comes or goes changes elements alone, so long as its groups have their chains: those are added and
//! removed, and the table stays. Anything else replaces the table (`guard_table.rs`).

use std::collections::{BTreeMap, BTreeSet};

use wire::link::{PacketRule, SecurityGroups};

use super::elements::{Change, Element, Family, Leads, pair_key};
use super::guard_table::{Direction, chain_name, is_named, map, members, profile};
use super::names::Names;

/// With more changes at once the table is replaced as a whole.
const LIMIT: usize = 400;

/// The table as it was made and changed since.
pub struct Table {
    /// The rules of the groups that it knows.
    rules: BTreeMap<String, (Vec<PacketRule>, Vec<PacketRule>)>,
    /// The groups that have a set of members.
    named: BTreeSet<String>,
    /// The sets of groups that have chains.
    profiles: BTreeSet<BTreeSet<String>>,
    elements: BTreeSet<Element>,
}

impl Table {
    /// The table that was made for a snapshot.
    pub fn of(names: &Names, wanted: &SecurityGroups) -> Table {
        Table {
            rules: rules(wanted),
            named: named(wanted),
            profiles: profiles(wanted),
            elements: elements(names, wanted),
        }
    }

    /// What leads from this table to another snapshot's; `None` when it takes a new table. Deletions come first: an
    /// address may have changed its chains.
    pub fn changes(&self, names: &Names, wanted: &SecurityGroups) -> Option<Vec<Change>> {
        let keeps_rules = rules(wanted).iter().all(|(id, rules)| self.rules.get(id) == Some(rules));
        if !keeps_rules
            || !named(wanted).is_subset(&self.named)
            || !profiles(wanted).is_subset(&self.profiles)
        {
            return None;
        }
        let wanted = elements(names, wanted);
        let gone = self.elements.difference(&wanted).cloned().map(Change::Delete);
        let changes: Vec<Change> =
            gone.chain(wanted.difference(&self.elements).cloned().map(Change::Add)).collect();
        (changes.len() <= LIMIT).then_some(changes)
    }

    /// Notes that the changes to a snapshot were made.
    pub fn changed(&mut self, names: &Names, wanted: &SecurityGroups) {
        self.elements = elements(names, wanted);
    }
}

fn rules(wanted: &SecurityGroups) -> BTreeMap<String, (Vec<PacketRule>, Vec<PacketRule>)> {
    let sorted = |rules: &[PacketRule]| {
        let rules: BTreeSet<&PacketRule> = rules.iter().collect();
        rules.into_iter().cloned().collect()
    };
    let groups = wanted.groups.iter();
    groups.map(|group| (group.id.clone(), (sorted(&group.ingress), sorted(&group.egress)))).collect()
}

fn named(wanted: &SecurityGroups) -> BTreeSet<String> {
    let groups = wanted.groups.iter().filter(|group| is_named(wanted, &group.id));
    groups.map(|group| group.id.clone()).collect()
}

fn profiles(wanted: &SecurityGroups) -> BTreeSet<BTreeSet<String>> {
    wanted.interfaces.iter().map(|it| it.groups.iter().cloned().collect()).collect()
}

/// All elements that [`super::guard_table::render`] puts in for a snapshot.
fn elements(names: &Names, wanted: &SecurityGroups) -> BTreeSet<Element> {
    let element = |table: &str, set: &str, key: Vec<u8>, leads: Leads| Element {
        family: Family::Ip,
        table: table.to_string(),
        set: set.to_string(),
        key,
        leads,
    };
    let (main, table) = (&names.table, &names.groups_table());
    let mut found = BTreeSet::new();
    for interface in &wanted.interfaces {
        let address = interface.address.octets().to_vec();
        if interface.held.is_some() {
            let key = pair_key(&names.bridge(&interface.vpc_id), interface.address);
            found.insert(element(main, "held", key.clone(), Leads::Nowhere));
            found.insert(element(table, "held", key, Leads::Nowhere));
            found.insert(element(table, "balancers", address.clone(), Leads::Nowhere));
        }
        for direction in [Direction::Ingress, Direction::Egress] {
            let chain = Leads::Goto(chain_name(&profile(interface), direction));
            found.insert(element(table, map(direction), address.clone(), chain));
        }
    }
    for group in wanted.groups.iter().filter(|group| is_named(wanted, &group.id)) {
        let set = members(&group.id);
        found.extend(
            group.members.iter().map(|it| element(table, &set, it.octets().to_vec(), Leads::Nowhere)),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use wire::link::{GroupRules, GuardedInterface, PacketKind, PacketPeer};

    use super::super::guard_table::render;
    use super::*;

    fn names() -> Names {
        Names::new("0a1b2", std::path::Path::new("/run/x"))
    }

    fn wanted(addresses: &[&str]) -> SecurityGroups {
        let own = PacketRule { traffic: PacketKind::All, peer: PacketPeer::Group("sg-1".into()) };
        let interface = |(index, address): (usize, &&str)| GuardedInterface {
            address: address.parse().unwrap(),
            vpc_id: "vpc-1".into(),
            groups: vec!["sg-1".into()],
            held: (index == 0).then(|| "10.0.0.1/24".into()),
        };
        SecurityGroups {
            message_id: "m".into(),
            interfaces: addresses.iter().enumerate().map(interface).collect(),
            groups: vec![GroupRules {
                id: "sg-1".into(),
                ingress: vec![own.clone()],
                egress: vec![own],
                members: addresses.iter().map(|it| it.parse().unwrap()).collect(),
            }],
        }
    }

    #[test]
    fn the_text_has_the_same_elements() {
        let (names, wanted) = (names(), wanted(&["10.0.0.4", "10.0.0.5"]));
        let text = render(&names, &wanted);
        let lines = text.lines().filter(|line| line.starts_with("add element"));
        let count: usize = lines.map(|line| 1 + line.matches(", ").count()).sum();
        assert_eq!(Table::of(&names, &wanted).elements.len(), count);
    }

    #[test]
    fn a_task_that_comes_and_one_that_goes_change_elements_alone() {
        let names = names();
        let mut table = Table::of(&names, &wanted(&["10.0.0.4", "10.0.0.5"]));
        let next = wanted(&["10.0.0.4", "10.0.0.6"]);
        let changes = table.changes(&names, &next).unwrap();
        let gone = changes.iter().filter(|change| matches!(change, Change::Delete(_))).count();
        // Two maps and the members' set each.
        assert_eq!((gone, changes.len()), (3, 6));
        table.changed(&names, &next);
        assert_eq!(table.changes(&names, &next), Some(Vec::new()));
    }

    #[test]
    fn other_rules_and_other_groups_take_a_new_table() {
        let names = names();
        let table = Table::of(&names, &wanted(&["10.0.0.4"]));
        let mut other = wanted(&["10.0.0.4"]);
        other.groups[0].egress.clear();
        assert_eq!(table.changes(&names, &other), None);
        let mut other = wanted(&["10.0.0.4"]);
        other.interfaces[0].groups = vec!["sg-2".into()];
        assert_eq!(table.changes(&names, &other), None);
    }
}
