//! Nodes: machines that run tasks.
//!
//! A node belongs to the installation, not to an account. As Fargate's capacity it shows nowhere; as a
//! [`ContainerInstance`](super::ContainerInstance) it shows in one cluster. What a node has and what tasks
//! take of it are two records, because the one changes with the machine and the other with every task.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::container_definition::TransportProtocol;
use super::container_instance::Membership;
use super::name::NodeId;
use super::text::text_enum;
use crate::{Record, Timestamp};

text_enum! {
    /// A processor architecture, as task definitions name it.
    pub enum CpuArchitecture {
        /// 64-bit x86.
        X86_64 = "X86_64",
        /// 64-bit Arm.
        Arm64 = "ARM64",
    }
}

/// A machine that runs tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// CPU units on offer; 1024 are one core.
    pub cpu_units: u32,
    /// Memory on offer, in MiB.
    pub memory_mib: u32,
    /// The processors' architecture.
    pub architecture: CpuArchitecture,
    /// The zone letter that is appended to a scope's region, such as `a`.
    pub zone: String,
    /// Further attributes by name.
    pub attributes: BTreeMap<String, String>,
    /// The agent's version.
    pub agent_version: String,
    /// Whether the agent's link is up.
    pub connected: bool,
    /// When the link last came up or went down. Heartbeats are not stored.
    pub connected_at: Timestamp,
    /// When the node first registered.
    pub registered_at: Timestamp,
    /// The cluster that it offers itself to; `None` serves Fargate alone.
    #[serde(default)]
    pub membership: Option<Membership>,
    /// TCP ports of the machine that no task may take.
    #[serde(default)]
    pub reserved_ports: BTreeSet<u16>,
}

impl Record for Node {}

/// A port of the machine that a task takes for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostPort {
    /// The transport.
    pub protocol: TransportProtocol,
    /// The port.
    pub port: u16,
}

/// What the tasks that have not ended take of a node. Written together with those tasks, so
/// that two of them can never be promised the same capacity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLoad {
    /// The node.
    pub node: NodeId,
    /// CPU units that are taken.
    pub cpu_units: u32,
    /// Memory that is taken, in MiB.
    pub memory_mib: u32,
    /// How many tasks take it.
    pub tasks: u32,
    /// Ports of the machine that tasks chose; those that the node chooses itself are not among them.
    #[serde(default)]
    pub ports: BTreeSet<HostPort>,
}

impl Record for NodeLoad {}

impl NodeLoad {
    /// The load of a node without tasks.
    pub fn none(node: NodeId) -> Self {
        NodeLoad { node, cpu_units: 0, memory_mib: 0, tasks: 0, ports: BTreeSet::new() }
    }

    /// Adds a task of this size.
    pub fn take(&mut self, cpu_units: u32, memory_mib: u32, ports: &[HostPort]) {
        self.cpu_units += cpu_units;
        self.memory_mib += memory_mib;
        self.tasks += 1;
        self.ports.extend(ports);
    }

    /// Removes a task of this size.
    pub fn give_back(&mut self, cpu_units: u32, memory_mib: u32, ports: &[HostPort]) {
        self.cpu_units = self.cpu_units.saturating_sub(cpu_units);
        self.memory_mib = self.memory_mib.saturating_sub(memory_mib);
        self.tasks = self.tasks.saturating_sub(1);
        self.ports.retain(|port| !ports.contains(port));
    }
}
