//! Container instances as the rest of the room sees them: found, joined with their machines, counted.
//!
//! A record of [`ContainerInstanceRow`] says only what belongs to the cluster; capacity, connection and the
//! attributes that every machine has come from its node.

use std::collections::BTreeMap;

use model::IdSource;
use model::Scope;
use model::Timestamp;
use model::ecs::container_definition::TransportProtocol;
use model::ecs::container_instance::ContainerInstanceStatus;
use model::ecs::node::HostPort;
use model::ecs::{
    Cluster, ClusterName, ContainerInstance, ContainerInstanceId, DesiredStatus, LastStatus, Node, NodeLoad,
    Tags, Task, TextEnum,
};
use reconcile::placement::instances::Instance;
use store::{Snapshot, Txn, Versioned, key};

use super::placement::load;
use super::store::{BY_NODE, ContainerInstanceRow, NodeRow, TaskRow};

/// Seen statuses before RUNNING.
const PENDING: [LastStatus; 3] = [LastStatus::Provisioning, LastStatus::Pending, LastStatus::Activating];

/// A container instance with its machine.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The record.
    pub row: Versioned<ContainerInstanceRow>,
    /// The machine.
    pub node: Node,
    /// What is taken of it.
    pub load: NodeLoad,
}

/// A cluster's container instances, by id.
pub(crate) fn of_cluster<'a>(
    snapshot: &'a Snapshot,
    scope: &Scope,
    cluster: &ClusterName,
) -> impl Iterator<Item = Member> + use<'a> {
    let rows = snapshot.all::<ContainerInstanceRow>(&key![scope, cluster.as_str()]);
    rows.filter_map(|row| member(snapshot, row))
}

/// One container instance of a cluster.
pub(crate) fn find(
    snapshot: &Snapshot,
    scope: &Scope,
    cluster: &ClusterName,
    id: &ContainerInstanceId,
) -> Option<Member> {
    member(snapshot, snapshot.get(&key![scope, cluster.as_str(), id.as_str()])?)
}

/// How many container instances a cluster has.
pub(crate) fn count(snapshot: &Snapshot, cluster: &Cluster) -> usize {
    snapshot.count::<ContainerInstanceRow>(&key![cluster.scope, cluster.name.as_str()])
}

/// The record joined with its machine. A machine is never forgotten before its record.
pub(crate) fn member(snapshot: &Snapshot, row: Versioned<ContainerInstanceRow>) -> Option<Member> {
    let node = snapshot.get::<NodeRow>(&key![row.node.as_str()])?.row.0.clone();
    let load = load(snapshot, &node.id);
    Some(Member { row, node, load })
}

/// Registers `node` in `cluster`, if it offers itself there and stands in no cluster yet.
pub(crate) fn join(
    snapshot: &Snapshot,
    txn: Txn,
    node: &Node,
    cluster: &Cluster,
    now: Timestamp,
    ids: &mut dyn IdSource,
) -> Txn {
    let Some(wanted) = &node.membership else { return txn };
    let meant = wanted.scope == cluster.scope && wanted.cluster == cluster.name;
    let stands = snapshot.count_by::<ContainerInstanceRow>(BY_NODE, &key![node.id.as_str()]) > 0;
    if !meant || stands {
        return txn;
    }
    let id = ids.hex32();
    txn.insert(&ContainerInstanceRow(ContainerInstance {
        scope: cluster.scope.clone(),
        cluster: cluster.name.clone(),
        id: ContainerInstanceId::new(id).expect("32 hexadecimal digits are an id"),
        node: node.id.clone(),
        // The same machine has the same id, whichever cluster it stands in.
        ec2_instance_id: format!("i-{}", &node.id.as_str()[..17]),
        status: ContainerInstanceStatus::Active,
        by_default: wanted.by_default,
        attributes: BTreeMap::new(),
        tags: Tags::new(),
        registered_at: now,
        version: 1,
    }))
}

/// The tasks of a container instance that have not ended.
pub(crate) fn tasks<'a>(
    snapshot: &'a Snapshot,
    instance: &ContainerInstance,
) -> impl Iterator<Item = Versioned<TaskRow>> + use<'a> {
    let id = instance.id.clone();
    let of_node = snapshot.all_by::<TaskRow>(BY_NODE, &key![instance.node.as_str()]);
    of_node.filter(move |task| task.container_instance.as_ref() == Some(&id))
}

/// How many of its tasks run, and how many are about to.
pub(crate) fn task_counts(snapshot: &Snapshot, instance: &ContainerInstance) -> (u32, u32) {
    tasks(snapshot, instance).fold((0, 0), |(running, pending), task| match task.seen.last_status {
        LastStatus::Running => (running + 1, pending),
        status if PENDING.contains(&status) => (running, pending + 1),
        _ => (running, pending),
    })
}

impl Member {
    /// All attributes: the machine's, those that follow from where it stands, and the users'.
    pub(crate) fn attributes(&self) -> BTreeMap<String, Option<String>> {
        let given = |value: &String| Some(value.clone()).filter(|value| !value.is_empty());
        let mut all: BTreeMap<_, _> =
            self.node.attributes.iter().map(|(name, value)| (name.clone(), given(value))).collect();
        let own = [
            ("ecs.availability-zone", self.zone()),
            ("ecs.cpu-architecture", self.node.architecture.as_str().to_lowercase()),
            ("ecs.os-family", "LINUX".to_owned()),
            ("ecs.os-type", "linux".to_owned()),
        ];
        all.extend(own.map(|(name, value)| (name.to_owned(), Some(value))));
        all.extend(self.row.attributes.clone());
        all
    }

    /// The availability zone.
    pub(crate) fn zone(&self) -> String {
        format!("{}{}", self.row.scope.region, self.node.zone)
    }

    /// Whether new tasks may be placed here.
    pub(crate) fn is_active(&self) -> bool {
        self.row.status == ContainerInstanceStatus::Active
    }

    /// Ports that are reserved on the machine, whatever runs.
    pub(crate) fn reserved_ports(&self) -> impl Iterator<Item = HostPort> + '_ {
        self.node.reserved_ports.iter().map(|port| HostPort { protocol: TransportProtocol::Tcp, port: *port })
    }

    /// The instance as placement sees it; its tasks are gathered only when somebody asks about them.
    pub(crate) fn candidate(&self, snapshot: &Snapshot, with_tasks: bool) -> Instance {
        let (mut running_tasks, mut groups) = (0, BTreeMap::new());
        for task in with_tasks.then(|| tasks(snapshot, &self.row)).into_iter().flatten() {
            running_tasks += u32::from(task.seen.last_status == LastStatus::Running);
            if task.desired_status == DesiredStatus::Running {
                *groups.entry(group(&task)).or_insert(0) += 1;
            }
        }
        Instance {
            id: self.row.id.to_string(),
            ec2_instance_id: self.row.ec2_instance_id.clone(),
            connected: self.node.connected,
            agent_version: self.node.agent_version.clone(),
            registered_at: self.row.registered_at,
            attributes: self.attributes(),
            free_cpu_units: self.node.cpu_units.saturating_sub(self.load.cpu_units),
            free_memory_mib: self.node.memory_mib.saturating_sub(self.load.memory_mib),
            taken_ports: self.reserved_ports().chain(self.load.ports.iter().copied()).collect(),
            running_tasks,
            groups,
        }
    }
}

/// The group that a task belongs to.
pub(crate) fn group(task: &Task) -> String {
    task.spec.group.clone().unwrap_or_default()
}
