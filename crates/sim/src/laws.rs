//! The laws over stored records: what one change of a task may do, and what holds between
//! the tables after every commit. Pure.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;
use model::ec2::{AddressLease, NetworkInterface};
use model::ecs::{DesiredStatus, LastStatus, NodeLoad, Task};
use reconcile::reap::STOPPED_TASK_FOR;

/// Checks one change of one task.
///
/// # Errors
/// The law that it breaks.
pub fn change(before: Option<&Task>, after: Option<&Task>, now: Timestamp) -> Result<(), String> {
    match (before, after) {
        (None, Some(new)) => born(new),
        (Some(old), Some(new)) => moved(old, new),
        (Some(old), None) => removed(old, now),
        (None, None) => Ok(()),
    }
}

fn born(new: &Task) -> Result<(), String> {
    let fresh = new.version == 1
        && new.seen.last_status == LastStatus::Provisioning
        && new.desired_status == DesiredStatus::Running
        && new.node.is_some();
    law(fresh, "a new task is PROVISIONING on a node, and wanted RUNNING")
}

fn moved(old: &Task, new: &Task) -> Result<(), String> {
    let noted = Task { supervision: new.supervision.clone(), ..old.clone() };
    law(new.supervision.is_settled || !old.supervision.is_settled, "what is settled stays settled")?;
    law(new.supervision.is_counted || !old.supervision.is_counted, "a failure is counted once")?;
    if *new == noted {
        // The scheduler's notes alone are no change of the task; and it ends nothing that lives.
        let lives = !old.seen.last_status.is_ended();
        return law(!(new.supervision.is_settled && lives), "only an ended task is settled");
    }
    law(new.version > old.version, "a version rises with every change")?;
    law(new.seen.last_status >= old.seen.last_status, "a status never goes back")?;
    law(new.desired_status >= old.desired_status, "a wish to stop is never taken back")?;
    law(!old.seen.last_status.is_ended(), "an ended task never changes")?;
    law(new.spec == old.spec && new.node == old.node, "what was asked for never changes")?;
    if old.desired_status == DesiredStatus::Stopped {
        let kept =
            new.seen.stop_code == old.seen.stop_code && new.seen.stopped_reason == old.seen.stopped_reason;
        law(kept, "the first cause of a stop stays")?;
    }
    law(
        new.seen.started_at.is_none() || old.seen.started_at.is_none_or(|at| new.seen.started_at == Some(at)),
        "a task starts once",
    )?;
    for (before, after) in old.containers.iter().zip(&new.containers) {
        law(after.seen.last_status >= before.seen.last_status, "a container's status never goes back")?;
    }
    if new.seen.last_status.is_ended() {
        law(new.desired_status == DesiredStatus::Stopped, "an ended task is wanted STOPPED")?;
        law(new.seen.stopped_at.is_some(), "an ended task has its end's time")?;
        law(new.seen.stop_code.is_some() && new.seen.stopped_reason.is_some(), "an ended task says why")?;
    }
    Ok(())
}

fn removed(old: &Task, now: Timestamp) -> Result<(), String> {
    let Some(at) = old.seen.stopped_at else { return Err("only ended tasks are removed".into()) };
    law(at + STOPPED_TASK_FOR <= now, "a stopped task is shown for its time")
}

fn law(holds: bool, text: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(text.to_owned()) }
}

/// The tables as the laws read them.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    /// Every task that is stored, with its ARN.
    pub tasks: &'a [(&'a str, &'a Task)],
    /// What tasks take, by node.
    pub loads: &'a [&'a NodeLoad],
    /// Leased addresses.
    pub leases: &'a [&'a AddressLease],
    /// Interfaces.
    pub interfaces: &'a [&'a NetworkInterface],
    /// What each node has: CPU units and MiB.
    pub capacity: &'a BTreeMap<String, (u32, u32)>,
}

/// What is broken between the tables.
pub fn standing(tables: &Tables<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let lives = |(_, task): &&(&str, &Task)| !task.seen.last_status.is_ended();
    let unended: Vec<(&str, &Task)> = tables.tasks.iter().filter(lives).copied().collect();
    loads(tables, &unended, &mut broken);
    addresses(tables, &unended, &mut broken);
    broken
}

fn loads(tables: &Tables<'_>, unended: &[(&str, &Task)], broken: &mut Vec<String>) {
    let mut sums: BTreeMap<&str, (u32, u32, u32)> = BTreeMap::new();
    for (_, task) in unended {
        let Some(node) = &task.node else { continue };
        let sum = sums.entry(node.as_str()).or_default();
        sum.0 += task.spec.cpu.unwrap_or_default();
        sum.1 += task.spec.memory.unwrap_or_default();
        sum.2 += 1;
    }
    let stored: BTreeMap<&str, (u32, u32, u32)> = tables
        .loads
        .iter()
        .map(|load| (load.node.as_str(), (load.cpu_units, load.memory_mib, load.tasks)))
        .collect();
    for (node, (cpu_units, memory_mib)) in tables.capacity {
        let sum = sums.get(node.as_str()).copied().unwrap_or_default();
        if stored.get(node.as_str()).copied().unwrap_or_default() != sum {
            broken.push(format!("the load of node {node} is not the sum of its tasks"));
        }
        if sum.0 > *cpu_units || sum.1 > *memory_mib {
            broken.push(format!("node {node} has been given more than it has"));
        }
    }
}

fn addresses(tables: &Tables<'_>, unended: &[(&str, &Task)], broken: &mut Vec<String>) {
    let owners: BTreeSet<&str> = unended.iter().map(|(arn, _)| *arn).collect();
    let with_network = unended.iter().filter(|(_, task)| task.spec.network.is_some()).count();
    if tables.interfaces.len() != with_network {
        let count = tables.interfaces.len();
        broken.push(format!("{count} interfaces for {with_network} tasks that have not ended"));
    }
    let mut seen = BTreeSet::new();
    for interface in tables.interfaces {
        if !owners.contains(interface.task_arn.as_str()) {
            broken.push(format!("interface {} belongs to no task that lives", interface.id));
        }
        if !seen.insert(interface.address) {
            broken.push(format!("address {} is leased twice", interface.address));
        }
    }
    let held: BTreeSet<_> = tables.interfaces.iter().map(|it| (it.address, it.id.as_str())).collect();
    let leased: BTreeSet<_> = tables.leases.iter().map(|it| (it.address, it.interface_id.as_str())).collect();
    if held != leased {
        broken.push("leases and interfaces differ".to_owned());
    }
}
