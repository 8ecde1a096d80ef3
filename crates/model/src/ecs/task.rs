//! Tasks: what was wanted, and what was seen.
//!
//! [`TaskSpec`] is fixed when the task is made. `desired_status` is the only wish that
//! changes, and only to STOPPED. [`TaskSeen`] is what happened; its status moves forward
//! only. Every change raises `version`, which events and DescribeTasks show.

use serde::{Deserialize, Serialize};

use super::container_definition::KeyValuePair;
use super::name::{ClusterName, ContainerInstanceId, NodeId, ServiceName, TaskDefinitionId, TaskId};
use super::node::{CpuArchitecture, HostPort};
use super::overrides::TaskOverride;
use super::status::{Backwards, Connectivity, DesiredStatus, HealthStatus, LastStatus, StopCode};
use super::supervision::Supervision;
use super::tag::Tags;
use super::task_container::TaskContainer;
use super::task_definition::{EphemeralStorage, NetworkMode};
use super::text::text_enum;
use super::volume::Switch;
use crate::{Arn, Record, Scope, Timestamp};

text_enum! {
    /// The kind of capacity that a task runs on.
    pub enum LaunchType {
        /// A container instance.
        Ec2 = "EC2",
        /// Fargate.
        Fargate = "FARGATE",
        /// An instance outside AWS.
        External = "EXTERNAL",
        /// An instance that ECS manages.
        ManagedInstances = "MANAGED_INSTANCES",
    }
}

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Account and region.
    pub scope: Scope,
    /// The cluster.
    pub cluster: ClusterName,
    /// Its id.
    pub id: TaskId,
    /// What was asked for.
    pub spec: TaskSpec,
    /// Whether it should run.
    pub desired_status: DesiredStatus,
    /// The node that it was placed on.
    pub node: Option<NodeId>,
    /// The container instance that it was placed on, when it does not run on Fargate.
    #[serde(default)]
    pub container_instance: Option<ContainerInstanceId>,
    /// What happened.
    pub seen: TaskSeen,
    /// Its containers, in the definition's order.
    pub containers: Vec<TaskContainer>,
    /// What is attached to it: network interfaces.
    pub attachments: Vec<Attachment>,
    /// Tags.
    pub tags: Tags,
    /// The service scheduler's notes.
    #[serde(default)]
    pub supervision: Supervision,
    /// Raised by every change but the scheduler's notes; starts at 1.
    pub version: u64,
}

impl Record for Task {}

/// What was asked for when the task was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// The task definition.
    pub definition: TaskDefinitionId,
    /// How its containers reach the network, from the definition.
    pub network_mode: NetworkMode,
    /// The launch type.
    pub launch_type: LaunchType,
    /// The capacity provider, when a strategy chose one.
    pub capacity_provider: Option<String>,
    /// The Fargate platform version, such as `1.4.0`.
    pub platform_version: Option<String>,
    /// The Fargate platform, such as `Linux`.
    pub platform_family: Option<String>,
    /// The processor that it needs, on Fargate.
    pub cpu_architecture: Option<CpuArchitecture>,
    /// CPU units of the task, override applied.
    pub cpu: Option<u32>,
    /// Memory of the task in MiB, override applied.
    pub memory: Option<u32>,
    /// Scratch space, override applied.
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// The overrides, as they were given.
    pub overrides: TaskOverride,
    /// Where its interface goes.
    pub network: Option<AwsvpcConfiguration>,
    /// Ports of the machine that it takes: those of `host` mode, and those that `bridge` mode names.
    #[serde(default)]
    pub host_ports: Vec<HostPort>,
    /// `family:NAME`, `service:NAME`, or what was given.
    pub group: Option<String>,
    /// A deployment's id, or what was given.
    pub started_by: Option<String>,
    /// The service that owns it.
    pub service: Option<ServiceName>,
    /// Whether ECS Exec is on.
    pub enable_execute_command: bool,
    /// Whether Service Connect is on.
    #[serde(default)]
    pub connects: bool,
    /// The idempotency token of the request that made it.
    pub client_token: Option<String>,
}

/// Where an `awsvpc` task's interface goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsvpcConfiguration {
    /// Subnets to choose from.
    pub subnets: Vec<String>,
    /// Security groups; the VPC's default group when empty.
    pub security_groups: Vec<String>,
    /// Whether a public address is wanted.
    pub assign_public_ip: Option<Switch>,
}

/// What happened to a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskSeen {
    /// Where it is in its life.
    pub last_status: LastStatus,
    /// The zone of its node.
    pub availability_zone: Option<String>,
    /// Whether its node is reachable.
    pub connectivity: Option<Connectivity>,
    /// Why it stopped.
    pub stop_code: Option<StopCode>,
    /// Why it stopped, in words.
    pub stopped_reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its node became reachable, or was lost.
    pub connectivity_at: Option<Timestamp>,
    /// When the image pulls began.
    pub pull_started_at: Option<Timestamp>,
    /// When the image pulls ended.
    pub pull_stopped_at: Option<Timestamp>,
    /// When it became RUNNING.
    pub started_at: Option<Timestamp>,
    /// When it was told to stop.
    pub stopping_at: Option<Timestamp>,
    /// When its last essential container ended.
    pub execution_stopped_at: Option<Timestamp>,
    /// When it became STOPPED.
    pub stopped_at: Option<Timestamp>,
}

impl TaskSeen {
    /// A task that was made at `created_at` and has not moved.
    pub fn new(created_at: Timestamp, last_status: LastStatus) -> Self {
        TaskSeen {
            last_status,
            availability_zone: None,
            connectivity: None,
            stop_code: None,
            stopped_reason: None,
            created_at,
            connectivity_at: None,
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: None,
            stopping_at: None,
            execution_stopped_at: None,
            stopped_at: None,
        }
    }
}

/// Something attached to a task, such as a network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// A UUID.
    pub id: String,
    /// `ElasticNetworkInterface`.
    pub kind: String,
    /// Where it is in its life.
    pub status: AttachmentStatus,
    /// `subnetId`, `networkInterfaceId`, `macAddress`, `privateDnsName`, `privateIPv4Address`.
    pub details: Vec<KeyValuePair>,
}

text_enum! {
    /// Where an attachment is in its life. The order is the order of life.
    pub enum AttachmentStatus {
        /// Before anything.
        Precreated = "PRECREATED",
        /// Being made.
        Created = "CREATED",
        /// On its way to the node.
        Attaching = "ATTACHING",
        /// In use.
        Attached = "ATTACHED",
        /// On its way off.
        Detaching = "DETACHING",
        /// Off the node.
        Detached = "DETACHED",
        /// Gone.
        Deleted = "DELETED",
        /// It could not be made.
        Failed = "FAILED",
    }
}

impl Task {
    /// The task's ARN.
    pub fn arn(&self) -> Arn {
        self.id.arn(&self.scope, &self.cluster)
    }

    /// The ARN of one of its containers.
    pub fn container_arn(&self, container: &TaskContainer) -> Arn {
        let (cluster, task, id) = (&self.cluster, &self.id, &container.id);
        Arn::new("ecs", &self.scope, format!("container/{cluster}/{task}/{id}"))
    }

    /// Moves the seen status forward and raises the version.
    pub fn advance(&mut self, to: LastStatus) -> Result<(), Backwards> {
        let next = self.seen.last_status.advance(to)?;
        if next != self.seen.last_status {
            self.seen.last_status = next;
            self.version += 1;
        }
        Ok(())
    }

    /// Wishes the task's end. The first caller's code and reason stay.
    pub fn stop(&mut self, code: StopCode, reason: impl Into<String>, now: Timestamp) {
        if self.desired_status == DesiredStatus::Stopped {
            return;
        }
        self.desired_status = DesiredStatus::Stopped;
        self.seen.stop_code = Some(code);
        self.seen.stopped_reason = Some(reason.into());
        self.seen.stopping_at = Some(now);
        self.version += 1;
    }

    /// The task's health: that of the essential containers that have health checks.
    pub fn health_status(&self) -> HealthStatus {
        let mut checked = self.containers.iter().filter(|c| c.essential && c.has_health_check).peekable();
        if checked.peek().is_none() {
            return HealthStatus::Unknown;
        }
        let mut all_healthy = true;
        for container in checked {
            match container.seen.health_status {
                Some(HealthStatus::Unhealthy) => return HealthStatus::Unhealthy,
                Some(HealthStatus::Healthy) => {}
                Some(HealthStatus::Unknown) | None => all_healthy = false,
            }
        }
        if all_healthy { HealthStatus::Healthy } else { HealthStatus::Unknown }
    }
}
