//! Placement on container instances: filter by what a task demands, order by its strategies.
//!
//! Filters come in the order of ECS: agent, attributes, constraints, CPU, memory, ports. Among those that are
//! left each strategy keeps the best and leaves ties to the next; dice settle the rest. A refusal names the
//! instance that came furthest. Law: nothing is placed beyond what is free, and no port is given twice.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;
use model::ecs::node::HostPort;
use model::ecs::task_definition::RequiredAttribute;

use super::query::{Expression, Facts};

/// A container instance that may take tasks, as one request sees and fills it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its id in EC2's form.
    pub ec2_instance_id: String,
    /// Whether its agent is connected.
    pub connected: bool,
    /// The agent's version.
    pub agent_version: String,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Attributes by name; some have no value.
    pub attributes: BTreeMap<String, Option<String>>,
    /// Free CPU units.
    pub free_cpu_units: u32,
    /// Free memory in MiB.
    pub free_memory_mib: u32,
    /// Ports of the machine that are taken.
    pub taken_ports: BTreeSet<HostPort>,
    /// Tasks that are RUNNING.
    pub running_tasks: u32,
    /// How many tasks of each group should run on it.
    pub groups: BTreeMap<String, u32>,
}

/// What a task demands of an instance.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    /// CPU units.
    pub cpu_units: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Ports of the machine.
    pub ports: Vec<HostPort>,
    /// Attributes that the instance must have.
    pub attributes: Vec<RequiredAttribute>,
    /// The task's group: those that `distinctInstance` keeps apart and `spread` spreads.
    pub group: String,
    /// What limits the choice.
    pub constraints: Vec<Constraint>,
    /// What orders it, the first first.
    pub strategies: Vec<Strategy>,
}

/// A limit of the choice.
#[derive(Clone, Debug)]
pub enum Constraint {
    /// No other task of the group on the same instance.
    DistinctInstance,
    /// Only instances that the expression means.
    MemberOf(Expression),
}

/// An order of the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Any.
    Random,
    /// Evenly over instances.
    SpreadInstances,
    /// Evenly over the values of an attribute.
    SpreadAttribute(String),
    /// Where the least CPU would be left.
    BinpackCpu,
    /// Where the least memory would be left.
    BinpackMemory,
}

/// Why an instance does not take a task, in the order in which it is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mismatch {
    /// Its agent is not connected.
    Agent,
    /// It lacks an attribute.
    Attribute,
    /// An expression does not mean it.
    MemberOf,
    /// A task of the group is there.
    DistinctInstance,
    /// Too little CPU.
    Cpu,
    /// Too little memory.
    Memory,
    /// A port is taken.
    Ports,
}

impl Mismatch {
    /// ECS's word for it in `failures[].reason`.
    pub fn reason(self) -> &'static str {
        match self {
            Mismatch::Agent => "AGENT",
            Mismatch::Attribute => "ATTRIBUTE",
            Mismatch::MemberOf => "MemberOf placement constraint unsatisfied",
            Mismatch::DistinctInstance => "distinctInstance placement constraint unsatisfied",
            Mismatch::Cpu => "RESOURCE:CPU",
            Mismatch::Memory => "RESOURCE:MEMORY",
            Mismatch::Ports => "RESOURCE:PORTS",
        }
    }
}

/// A task found no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unplaced {
    /// There is no instance at all.
    NoInstances,
    /// The instance that came furthest, and what it lacks.
    Closest(String, Mismatch),
}

/// Chooses an instance for a task and takes what it demands; answers its place in the list.
pub fn place(instances: &mut [Instance], demand: &Demand, dice: u64) -> Result<usize, Unplaced> {
    let mut left = Vec::new();
    let mut closest: Option<(Mismatch, &str)> = None;
    for (at, instance) in instances.iter().enumerate() {
        match mismatch(instance, demand) {
            None => left.push(at),
            Some(found) if closest.is_none_or(|(mismatch, _)| mismatch < found) => {
                closest = Some((found, &instance.id));
            }
            Some(_) => {}
        }
    }
    if left.is_empty() {
        let unplaced = closest.map(|(mismatch, id)| Unplaced::Closest(id.to_owned(), mismatch));
        return Err(unplaced.unwrap_or(Unplaced::NoInstances));
    }
    for strategy in &demand.strategies {
        keep_best(instances, &mut left, strategy, demand);
    }
    let count = u64::try_from(left.len()).expect("a list's length fits 64 bits");
    let at = left[usize::try_from(dice % count).expect("less than the list's length")];
    take(&mut instances[at], demand);
    Ok(at)
}

/// Why `instance` does not take the task; `None` when it does.
pub fn mismatch(instance: &Instance, demand: &Demand) -> Option<Mismatch> {
    if !instance.connected {
        return Some(Mismatch::Agent);
    }
    if !demand.attributes.iter().all(|wanted| has(instance, wanted)) {
        return Some(Mismatch::Attribute);
    }
    for constraint in &demand.constraints {
        match constraint {
            Constraint::MemberOf(expression) if !expression.holds(&facts(instance)) => {
                return Some(Mismatch::MemberOf);
            }
            Constraint::DistinctInstance if instance.groups.contains_key(&demand.group) => {
                return Some(Mismatch::DistinctInstance);
            }
            Constraint::MemberOf(_) | Constraint::DistinctInstance => {}
        }
    }
    if instance.free_cpu_units < demand.cpu_units {
        return Some(Mismatch::Cpu);
    }
    if instance.free_memory_mib < demand.memory_mib {
        return Some(Mismatch::Memory);
    }
    demand.ports.iter().any(|port| instance.taken_ports.contains(port)).then_some(Mismatch::Ports)
}

/// What a task takes of its instance.
pub fn take(instance: &mut Instance, demand: &Demand) {
    instance.free_cpu_units = instance.free_cpu_units.saturating_sub(demand.cpu_units);
    instance.free_memory_mib = instance.free_memory_mib.saturating_sub(demand.memory_mib);
    instance.taken_ports.extend(&demand.ports);
    *instance.groups.entry(demand.group.clone()).or_default() += 1;
}

/// The instance as the query language sees it.
pub fn facts(instance: &Instance) -> Facts<'_> {
    Facts {
        agent_connected: instance.connected,
        agent_version: &instance.agent_version,
        attributes: &instance.attributes,
        ec2_instance_id: &instance.ec2_instance_id,
        registered_at: instance.registered_at,
        running_tasks: instance.running_tasks,
        groups: &instance.groups,
    }
}

fn has(instance: &Instance, wanted: &RequiredAttribute) -> bool {
    instance
        .attributes
        .get(&wanted.name)
        .is_some_and(|found| wanted.value.is_none() || *found == wanted.value)
}

fn keep_best(instances: &[Instance], left: &mut Vec<usize>, strategy: &Strategy, demand: &Demand) {
    let of_group = |instance: &Instance| instance.groups.get(&demand.group).copied().unwrap_or_default();
    let score: Vec<u32> = match strategy {
        Strategy::Random => return,
        Strategy::SpreadInstances => left.iter().map(|at| of_group(&instances[*at])).collect(),
        Strategy::SpreadAttribute(name) => {
            let value = |instance: &Instance| instance.attributes.get(name).cloned();
            let mut sums: BTreeMap<Option<Option<String>>, u32> = BTreeMap::new();
            for instance in instances {
                *sums.entry(value(instance)).or_default() += of_group(instance);
            }
            left.iter().map(|at| sums[&value(&instances[*at])]).collect()
        }
        Strategy::BinpackCpu => left.iter().map(|at| instances[*at].free_cpu_units).collect(),
        Strategy::BinpackMemory => left.iter().map(|at| instances[*at].free_memory_mib).collect(),
    };
    let Some(best) = score.iter().min().copied() else { return };
    let mut scores = score.into_iter();
    left.retain(|_| scores.next() == Some(best));
}

#[cfg(test)]
mod tests {
    use model::ecs::container_definition::TransportProtocol;
    use proptest::prelude::{Just, any, prop, prop_assert, prop_oneof, proptest};

    use super::*;

    fn instance(id: &str, cpu: u32, memory: u32, zone: &str) -> Instance {
        Instance {
            id: id.into(),
            ec2_instance_id: format!("i-{id}"),
            connected: true,
            agent_version: "1.0.0".into(),
            registered_at: Timestamp::EPOCH,
            attributes: BTreeMap::from([("zone".to_owned(), Some(zone.to_owned()))]),
            free_cpu_units: cpu,
            free_memory_mib: memory,
            taken_ports: BTreeSet::new(),
            running_tasks: 0,
            groups: BTreeMap::new(),
        }
    }

    fn tcp(port: u16) -> HostPort {
        HostPort { protocol: TransportProtocol::Tcp, port }
    }

    fn demand(cpu_units: u32, memory_mib: u32) -> Demand {
        Demand { cpu_units, memory_mib, group: "family:web".into(), ..Demand::default() }
    }

    fn refused(instances: &[Instance], demand: &Demand, id: &str, expected: Mismatch) {
        let found = place(&mut instances.to_vec(), demand, 0);
        assert_eq!(found, Err(Unplaced::Closest(id.into(), expected)));
    }

    #[test]
    fn a_refusal_names_the_instance_that_came_furthest() {
        let all = [instance("a", 128, 512, "x"), instance("b", 1024, 128, "x")];
        assert_eq!(place(&mut [], &demand(1, 1), 0), Err(Unplaced::NoInstances));
        refused(&all, &demand(256, 256), "b", Mismatch::Memory);
        refused(&all, &demand(2048, 64), "a", Mismatch::Cpu);
        let silent = Instance { connected: false, ..all[0].clone() };
        refused(&[silent], &demand(1, 1), "a", Mismatch::Agent);
        let efs = RequiredAttribute { name: "ecs.capability.efs".into(), value: None };
        refused(&all, &Demand { attributes: vec![efs], ..demand(1, 1) }, "a", Mismatch::Attribute);
        let elsewhere = Expression::parse("attribute:zone == y").unwrap();
        let constraints = vec![Constraint::MemberOf(elsewhere)];
        refused(&all, &Demand { constraints, ..demand(1, 1) }, "a", Mismatch::MemberOf);
    }

    #[test]
    fn a_port_of_the_machine_is_given_once() {
        let mut all = [instance("a", 1024, 1024, "x")];
        let wanted = Demand { ports: vec![tcp(80)], ..demand(1, 1) };
        assert_eq!(place(&mut all, &wanted, 0), Ok(0));
        assert_eq!(place(&mut all, &wanted, 0), Err(Unplaced::Closest("a".into(), Mismatch::Ports)));
        let udp = HostPort { protocol: TransportProtocol::Udp, port: 80 };
        assert_eq!(place(&mut all, &Demand { ports: vec![udp], ..demand(1, 1) }, 0), Ok(0));
    }

    #[test]
    fn distinct_tasks_stand_apart_within_their_group() {
        let mut all = [instance("a", 1024, 1024, "x"), instance("b", 1024, 1024, "x")];
        let wanted = Demand { constraints: vec![Constraint::DistinctInstance], ..demand(1, 1) };
        let mut seen: Vec<usize> = (0..2).map(|_| place(&mut all, &wanted, 0).unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1]);
        let full = place(&mut all, &wanted, 0);
        assert_eq!(full, Err(Unplaced::Closest("a".into(), Mismatch::DistinctInstance)));
        assert!(place(&mut all, &Demand { group: "other".into(), ..wanted }, 0).is_ok());
    }

    #[test]
    fn strategies_order_what_is_left() {
        let all = [instance("a", 900, 100, "x"), instance("b", 800, 300, "x"), instance("c", 1000, 200, "y")];
        let place_all = |strategies: &[Strategy], count: usize| -> Vec<usize> {
            let mut all = all.clone();
            let wanted = Demand { strategies: strategies.to_vec(), ..demand(10, 10) };
            (0..count).map(|_| place(&mut all, &wanted, 0).unwrap()).collect()
        };
        assert_eq!(place_all(&[Strategy::BinpackMemory], 2), [0, 0]);
        assert_eq!(place_all(&[Strategy::BinpackCpu], 2), [1, 1]);
        assert_eq!(place_all(&[Strategy::SpreadInstances], 3), [0, 1, 2]);
        let zones = [Strategy::SpreadAttribute("zone".into()), Strategy::BinpackCpu];
        assert_eq!(place_all(&zones, 4), [1, 2, 1, 2]);
        assert_eq!(place(&mut all.clone(), &demand(10, 10), 5), Ok(2), "dice choose without a strategy");
    }

    fn any_strategy() -> impl proptest::strategy::Strategy<Value = Strategy> {
        prop_oneof![
            Just(Strategy::Random),
            Just(Strategy::SpreadInstances),
            Just(Strategy::SpreadAttribute("zone".into())),
            Just(Strategy::BinpackCpu),
            Just(Strategy::BinpackMemory),
        ]
    }

    proptest! {
        #[test]
        fn nothing_is_given_twice_or_beyond(
            nodes in prop::collection::vec((0u32..2048, 0u32..2048), 0..5),
            tasks in prop::collection::vec((1u32..600, 1u32..600, 80u16..84, any_strategy(), any::<u64>()), 0..30),
        ) {
            let mut all: Vec<Instance> =
                nodes.iter().enumerate().map(|(i, (c, m))| instance(&i.to_string(), *c, *m, "x")).collect();
            let mut given: BTreeMap<usize, (u32, u32, Vec<u16>)> = BTreeMap::new();
            for (cpu, memory, port, strategy, dice) in tasks {
                let wanted = Demand { ports: vec![tcp(port)], strategies: vec![strategy], ..demand(cpu, memory) };
                let before = all.clone();
                match place(&mut all, &wanted, dice) {
                    Ok(at) => {
                        let entry = given.entry(at).or_default();
                        (entry.0, entry.1) = (entry.0 + cpu, entry.1 + memory);
                        prop_assert!(!entry.2.contains(&port), "a port was given twice");
                        entry.2.push(port);
                    }
                    Err(_) => prop_assert!(before.iter().all(|it| mismatch(it, &wanted).is_some()) && before == all),
                }
            }
            for (at, (cpu, memory, _)) in given {
                prop_assert!(cpu <= nodes[at].0 && memory <= nodes[at].1);
            }
        }
    }
}
