//! Which node takes a new task: the index of free capacity, and the records that keep it true.
//!
//! What a task takes is written to its node's [`NodeLoad`] in the task's own transaction, and
//! given back in the one that ends it.

use std::collections::BTreeMap;

use model::ecs::node::CpuArchitecture;
use model::ecs::{Node, NodeId, NodeLoad, Task, TextEnum};
use reconcile::placement::{Candidate, Index, Refusal, Request};
use store::{Snapshot, Txn, key};

use super::store::{NodeLoadRow, NodeRow};

/// The nodes as one request sees and fills them.
#[derive(Debug)]
pub(crate) struct Placement<'a> {
    snapshot: &'a Snapshot,
    index: Index,
    loads: BTreeMap<NodeId, NodeLoad>,
}

impl<'a> Placement<'a> {
    /// Reads every node's free capacity.
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        let nodes = snapshot.all::<NodeRow>(&key![]);
        let index = Index::new(nodes.map(|node| candidate(&node, &load(snapshot, &node.id))));
        Placement { snapshot, index, loads: BTreeMap::new() }
    }

    /// Gives `task` a node and takes the capacity.
    pub(crate) fn place(&mut self, task: &mut Task) -> Result<(), Refusal> {
        let (cpu_units, memory_mib) = size(task);
        let architecture = task.spec.cpu_architecture.map(|it| it.to_string());
        let chosen = self.index.place(&Request { cpu_units, memory_mib, architecture })?;
        let id = NodeId::new(chosen).expect("the index holds ids of nodes");
        let node = self.snapshot.get::<NodeRow>(&key![id.as_str()]);
        task.seen.availability_zone = task
            .seen
            .availability_zone
            .take()
            .or(node.map(|node| format!("{}{}", task.scope.region, node.zone)));
        self.loads.entry(id.clone()).or_insert_with(|| load(self.snapshot, &id)).take(cpu_units, memory_mib);
        task.node = Some(id);
        Ok(())
    }

    /// Adds the nodes' new loads to the transaction.
    pub(crate) fn commit(self, txn: Txn) -> Txn {
        self.loads.into_values().fold(txn, |txn, load| write(self.snapshot, txn, load))
    }
}

/// Gives back what an ended task took.
pub(crate) fn release(snapshot: &Snapshot, txn: Txn, task: &Task) -> Txn {
    let Some(node) = &task.node else { return txn };
    let (cpu_units, memory_mib) = size(task);
    let mut load = load(snapshot, node);
    load.give_back(cpu_units, memory_mib);
    write(snapshot, txn, load)
}

/// What a task takes: its own size, or the sum of its containers'.
fn size(task: &Task) -> (u32, u32) {
    let sum = |size: fn(&model::ecs::TaskContainer) -> u32| task.containers.iter().map(size).sum::<u32>();
    let cpu_units = task.spec.cpu.unwrap_or_else(|| sum(|c| c.cpu));
    let memory_mib =
        task.spec.memory.unwrap_or_else(|| sum(|c| c.memory_reservation.or(c.memory).unwrap_or_default()));
    (cpu_units, memory_mib)
}

fn load(snapshot: &Snapshot, node: &NodeId) -> NodeLoad {
    let found = snapshot.get::<NodeLoadRow>(&key![node.as_str()]);
    found.map_or_else(|| NodeLoad::none(node.clone()), |row| row.row.0.clone())
}

fn write(snapshot: &Snapshot, txn: Txn, load: NodeLoad) -> Txn {
    let row = NodeLoadRow(load);
    match snapshot.get::<NodeLoadRow>(&key![row.node.as_str()]) {
        Some(found) => txn.update(&found, &row),
        None => txn.insert(&row),
    }
}

fn candidate(node: &Node, load: &NodeLoad) -> Candidate {
    Candidate {
        id: node.id.to_string(),
        free_cpu_units: node.cpu_units.saturating_sub(load.cpu_units),
        free_memory_mib: node.memory_mib.saturating_sub(load.memory_mib),
        architecture: CpuArchitecture::as_str(node.architecture).to_owned(),
        connected: node.connected,
    }
}
