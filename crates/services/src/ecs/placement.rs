//! Where a new task goes: the index of free capacity, and the records that keep it true.
//!
//! Fargate tasks go to any node; EC2 and EXTERNAL tasks to a container instance of their cluster. What a task
//! takes is written to its node's [`NodeLoad`] in the task's own transaction, and given back in the one that ends it.

use std::collections::BTreeMap;

use model::IdSource;
use model::ecs::node::CpuArchitecture;
use model::ecs::task::LaunchType;
use model::ecs::task_definition::{RequiredAttribute, TaskDefinition};
use model::ecs::{Cluster, ContainerInstanceId, Node, NodeId, NodeLoad, Task, TextEnum};
use reconcile::placement::instances::{self as decider, Demand, Instance, Mismatch};
use reconcile::placement::{Candidate, Index, Refusal, Request};
use store::{Snapshot, Txn, key};
use wire::ecs as shape;

use super::error::Error;
use super::instances::{self, Member};
use super::rules::placement::Wishes;
use super::store::{NodeLoadRow, NodeRow};

/// The capacity of nodes and container instances as one request sees and fills it.
#[derive(Debug)]
pub(crate) struct Placement<'a> {
    snapshot: &'a Snapshot,
    cluster: &'a Cluster,
    fargate: Option<Index>,
    /// The cluster's active container instances, and beside each what placement knows of it.
    instances: Option<(Vec<Member>, Vec<Instance>)>,
    loads: BTreeMap<NodeId, NodeLoad>,
}

/// Why a task was placed nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unplaced {
    /// Fargate has no room.
    Fargate(Refusal),
    /// The cluster has no active container instance.
    NoInstances,
    /// The container instance that came closest, by its ARN, and what it lacks.
    Instance(String, Mismatch),
}

impl<'a> Placement<'a> {
    /// Looks at nothing yet.
    pub(crate) fn new(snapshot: &'a Snapshot, cluster: &'a Cluster) -> Self {
        Placement { snapshot, cluster, fargate: None, instances: None, loads: BTreeMap::new() }
    }

    /// Gives `task`, an instance of `definition`, a place and takes the capacity.
    ///
    /// # Errors
    /// When the wishes cannot be understood. Where there is no place, the inner result says why.
    pub(crate) fn place(
        &mut self,
        task: &mut Task,
        definition: &TaskDefinition,
        wishes: &Wishes,
        ids: &mut dyn IdSource,
    ) -> Result<Result<(), Unplaced>, Error> {
        if task.spec.launch_type == LaunchType::Fargate {
            return Ok(self.place_on_fargate(task).map_err(Unplaced::Fargate));
        }
        let demand = demand(task, definition, wishes)?;
        let mut dice = [0; 8];
        ids.fill(&mut dice);
        let (members, candidates) = self.instances();
        match decider::place(candidates, &demand, u64::from_be_bytes(dice)) {
            Ok(at) => {
                let member = members[at].clone();
                self.settle_on(task, &member);
                Ok(Ok(()))
            }
            Err(decider::Unplaced::NoInstances) => Ok(Err(Unplaced::NoInstances)),
            Err(decider::Unplaced::Closest(id, mismatch)) => {
                let found = members.iter().find(|member| member.row.id.as_str() == id);
                let arn = found.map(|member| member.row.arn().to_string()).unwrap_or_default();
                Ok(Err(Unplaced::Instance(arn, mismatch)))
            }
        }
    }

    /// Puts `task` on one container instance, whatever the strategies say: for StartTask, and for daemons.
    pub(crate) fn place_on(
        &mut self,
        task: &mut Task,
        definition: &TaskDefinition,
        id: &ContainerInstanceId,
    ) -> Result<Result<(), Unplaced>, Error> {
        let demand = demand(task, definition, &Wishes::default())?;
        let (members, candidates) = self.instances();
        let Some(at) = members.iter().position(|member| member.row.id == *id) else {
            return Ok(Err(Unplaced::NoInstances));
        };
        let member = members[at].clone();
        if let Some(mismatch) = decider::mismatch(&candidates[at], &demand) {
            return Ok(Err(Unplaced::Instance(member.row.arn().to_string(), mismatch)));
        }
        decider::take(&mut candidates[at], &demand);
        self.settle_on(task, &member);
        Ok(Ok(()))
    }

    /// Adds the nodes' new loads to the transaction.
    pub(crate) fn commit(self, txn: Txn) -> Txn {
        self.loads.into_values().fold(txn, |txn, load| write(self.snapshot, txn, load))
    }

    fn instances(&mut self) -> (&[Member], &mut [Instance]) {
        let (snapshot, cluster) = (self.snapshot, self.cluster);
        let (members, candidates) = self.instances.get_or_insert_with(|| {
            let active = instances::of_cluster(snapshot, &cluster.scope, &cluster.name);
            let members: Vec<Member> = active.filter(Member::is_active).collect();
            let candidates = members.iter().map(|member| member.candidate(snapshot, true)).collect();
            (members, candidates)
        });
        (members, candidates)
    }

    fn settle_on(&mut self, task: &mut Task, member: &Member) {
        task.seen.availability_zone = Some(member.zone());
        task.container_instance = Some(member.row.id.clone());
        self.settle(task, &member.node.id);
    }

    fn place_on_fargate(&mut self, task: &mut Task) -> Result<(), Refusal> {
        let (cpu_units, memory_mib) = size(task);
        let architecture = task.spec.cpu_architecture.map(|it| it.to_string());
        let snapshot = self.snapshot;
        let index = self.fargate.get_or_insert_with(|| {
            let nodes = snapshot.all::<NodeRow>(&key![]);
            Index::new(nodes.map(|node| candidate(&node, &load(snapshot, &node.id))))
        });
        let chosen = index.place(&Request { cpu_units, memory_mib, architecture })?;
        let id = NodeId::new(chosen).expect("the index holds ids of nodes");
        let node = self.snapshot.get::<NodeRow>(&key![id.as_str()]);
        task.seen.availability_zone = task
            .seen
            .availability_zone
            .take()
            .or(node.map(|node| format!("{}{}", task.scope.region, node.zone)));
        self.settle(task, &id);
        Ok(())
    }

    fn settle(&mut self, task: &mut Task, id: &NodeId) {
        let (cpu_units, memory_mib) = size(task);
        let load = self.loads.entry(id.clone()).or_insert_with(|| load(self.snapshot, id));
        load.take(cpu_units, memory_mib, &task.spec.host_ports);
        task.node = Some(id.clone());
    }
}

/// The container instances of a cluster that could run a task of `definition` if they were empty: those that a
/// DAEMON service has to serve. Draining ones are not among them.
pub(crate) fn eligible(
    snapshot: &Snapshot,
    cluster: &Cluster,
    definition: &TaskDefinition,
    wishes: &Wishes,
) -> Result<Vec<Member>, Error> {
    let demand = Demand {
        attributes: required(definition),
        constraints: wishes.constraints_for(&definition.spec.placement_constraints)?,
        ..Demand::default()
    };
    let all = instances::of_cluster(snapshot, &cluster.scope, &cluster.name).filter(Member::is_active);
    let fits = |member: &Member| match decider::mismatch(&member.candidate(snapshot, true), &demand) {
        // A daemon's tasks are distinct by themselves, and what is full or away today may not be tomorrow.
        None
        | Some(
            Mismatch::Agent | Mismatch::DistinctInstance | Mismatch::Cpu | Mismatch::Memory | Mismatch::Ports,
        ) => true,
        Some(Mismatch::Attribute | Mismatch::MemberOf) => false,
    };
    Ok(all.filter(fits).collect())
}

impl Unplaced {
    /// The entry of `failures`. For Fargate the reason is its own, and the detail says what was short in the words
    /// for container instances.
    pub(crate) fn failure(&self) -> shape::Failure {
        let (arn, reason, detail) = match self {
            Unplaced::Fargate(refusal) => {
                let detail = match refusal {
                    Refusal::NoNodes => "No node offers Fargate capacity.",
                    Refusal::Agent => "AGENT",
                    Refusal::Attribute => "ATTRIBUTE",
                    Refusal::Memory => "RESOURCE:MEMORY",
                    Refusal::Cpu => "RESOURCE:CPU",
                };
                let reason = "Capacity is unavailable at this time. Please try again later or in a different \
                              availability zone";
                (None, reason, Some(detail.to_owned()))
            }
            Unplaced::NoInstances => (None, "NO ACTIVE INSTANCES", None),
            Unplaced::Instance(arn, mismatch) => (Some(arn.clone()), mismatch.reason(), None),
        };
        shape::Failure { arn, reason: Some(reason.to_owned()), detail }
    }
}

/// Gives back what an ended task took.
pub(crate) fn release(snapshot: &Snapshot, txn: Txn, task: &Task) -> Txn {
    let Some(node) = &task.node else { return txn };
    let (cpu_units, memory_mib) = size(task);
    let mut load = load(snapshot, node);
    load.give_back(cpu_units, memory_mib, &task.spec.host_ports);
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

fn demand(task: &Task, definition: &TaskDefinition, wishes: &Wishes) -> Result<Demand, Error> {
    let (cpu_units, memory_mib) = size(task);
    Ok(Demand {
        cpu_units,
        memory_mib,
        ports: task.spec.host_ports.clone(),
        attributes: required(definition),
        group: instances::group(task),
        constraints: wishes.constraints_for(&definition.spec.placement_constraints)?,
        strategies: wishes.strategies()?,
    })
}

/// The attributes found at registration, and the processor that the definition names.
fn required(definition: &TaskDefinition) -> Vec<RequiredAttribute> {
    let architecture = definition.spec.runtime_platform.and_then(|platform| platform.cpu_architecture);
    let architecture = architecture.map(|it| RequiredAttribute {
        name: "ecs.cpu-architecture".into(),
        value: Some(it.as_str().to_lowercase()),
    });
    definition.requires_attributes.iter().cloned().chain(architecture).collect()
}

/// What is taken of a node.
pub(crate) fn load(snapshot: &Snapshot, node: &NodeId) -> NodeLoad {
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
