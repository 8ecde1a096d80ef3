//! Nodes: machines that offer Fargate capacity.
//!
//! A node belongs to the installation, not to an account: it never shows as a container
//! instance. What a node has is here; what tasks take of it is counted from the tasks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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

/// A machine that runs Fargate tasks.
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
}

impl Record for Node {}
