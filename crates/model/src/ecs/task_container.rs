//! A container of a running task, as the node reports it.

use serde::{Deserialize, Serialize};

use super::container_definition::{PortRange, TransportProtocol};
use super::name::ContainerName;
use super::status::{Backwards, ContainerStatus, HealthStatus};
use super::text::text_enum;
use crate::Timestamp;

/// One container of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskContainer {
    /// The last part of the container's ARN (`container/CLUSTER/TASK/ID`), a UUID.
    pub id: String,
    /// Its name in the task definition.
    pub name: ContainerName,
    /// Its image, as the task definition writes it.
    pub image: String,
    /// Whether the task ends with it.
    pub essential: bool,
    /// Whether its definition has a health check.
    pub has_health_check: bool,
    /// CPU units, override applied.
    pub cpu: u32,
    /// Hard memory limit in MiB, override applied.
    pub memory: Option<u32>,
    /// Soft memory limit in MiB, override applied.
    pub memory_reservation: Option<u32>,
    /// What the node saw.
    pub seen: ContainerSeen,
}

/// What a node saw of a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerSeen {
    /// Where it is in its life.
    pub last_status: ContainerStatus,
    /// The digest of the image that was used.
    pub image_digest: Option<String>,
    /// The runtime's id of the container.
    pub runtime_id: Option<String>,
    /// The process's exit code.
    pub exit_code: Option<i32>,
    /// Why it failed, such as `CannotPullContainerError: …`.
    pub reason: Option<String>,
    /// The result of its health checks.
    pub health_status: Option<HealthStatus>,
    /// Published ports.
    pub network_bindings: Vec<NetworkBinding>,
    /// Its addresses.
    pub network_interfaces: Vec<NetworkInterface>,
    /// Agents that ECS put beside the process.
    pub managed_agents: Vec<ManagedAgent>,
}

impl Default for ContainerSeen {
    fn default() -> Self {
        ContainerSeen {
            last_status: ContainerStatus::Pending,
            image_digest: None,
            runtime_id: None,
            exit_code: None,
            reason: None,
            health_status: None,
            network_bindings: Vec::new(),
            network_interfaces: Vec::new(),
            managed_agents: Vec::new(),
        }
    }
}

impl TaskContainer {
    /// Moves the container's status forward.
    pub fn advance(&mut self, to: ContainerStatus) -> Result<(), Backwards> {
        self.seen.last_status = self.seen.last_status.advance(to)?;
        Ok(())
    }
}

/// A published port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkBinding {
    /// The host's address.
    pub bind_ip: String,
    /// The container's port.
    pub container_port: Option<u16>,
    /// The host's port.
    pub host_port: Option<u16>,
    /// The transport.
    pub protocol: TransportProtocol,
    /// The container's range of ports.
    pub container_port_range: Option<PortRange>,
    /// The host's range of ports.
    pub host_port_range: Option<PortRange>,
}

/// An interface of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// The task's attachment that it is.
    pub attachment_id: String,
    /// Its address.
    pub private_ipv4_address: Option<String>,
    /// Its IPv6 address.
    pub ipv6_address: Option<String>,
}

text_enum! {
    /// An agent that ECS puts beside a container's process.
    pub enum ManagedAgentName {
        /// Serves ECS Exec.
        ExecuteCommandAgent = "ExecuteCommandAgent",
    }
}

/// An agent beside a container's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedAgent {
    /// Which.
    pub name: ManagedAgentName,
    /// Where it is in its life.
    pub last_status: ContainerStatus,
    /// When it last started.
    pub last_started_at: Option<Timestamp>,
    /// Why it is not running.
    pub reason: Option<String>,
}
