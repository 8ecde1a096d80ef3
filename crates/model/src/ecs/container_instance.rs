//! Container instances: a cluster's record of a node that runs EC2 and EXTERNAL tasks.
//!
//! The machine itself is a [`Node`](super::Node): its capacity is shared by everything placed on it,
//! whoever placed it. A container instance says in which cluster the node stands, whether new tasks
//! may be placed there, and which attributes users gave it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::{ClusterName, ContainerInstanceId, NodeId};
use super::tag::Tags;
use super::text::text_enum;
use crate::{Arn, Record, Scope, Timestamp};

text_enum! {
    /// Whether a container instance takes tasks. Those on their way in or out are never stored.
    pub enum ContainerInstanceStatus {
        /// Takes new tasks.
        Active = "ACTIVE",
        /// Keeps its tasks and takes no new ones; services replace theirs.
        Draining = "DRAINING",
        /// Deregistered: only the answer to the deregistration shows it.
        Inactive = "INACTIVE",
    }
}

/// A cluster's record of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerInstance {
    /// Account and region.
    pub scope: Scope,
    /// The cluster.
    pub cluster: ClusterName,
    /// Its id: another one after every registration.
    pub id: ContainerInstanceId,
    /// The machine.
    pub node: NodeId,
    /// The machine's id in the form of EC2's.
    pub ec2_instance_id: String,
    /// Whether it takes tasks.
    pub status: ContainerInstanceStatus,
    /// Whether the cluster was joined because nobody chose another: it leaves with the cluster.
    pub by_default: bool,
    /// The attributes that users put, over those of the node.
    pub attributes: BTreeMap<String, Option<String>>,
    /// Tags.
    pub tags: Tags,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Raised by every change; starts at 1.
    pub version: u64,
}

impl Record for ContainerInstance {}

impl ContainerInstance {
    /// The container instance's ARN.
    pub fn arn(&self) -> Arn {
        self.id.arn(&self.scope, &self.cluster)
    }
}

/// The cluster that a node offers itself to as a container instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Account and region of the cluster.
    pub scope: Scope,
    /// The cluster, which need not exist yet.
    pub cluster: ClusterName,
    /// Whether nobody chose it.
    pub by_default: bool,
}
