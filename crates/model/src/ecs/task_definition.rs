//! Task definitions: an immutable, numbered description of a task.
//!
//! Every member of RegisterTaskDefinition is here, typed, with its absence kept. The
//! revision is part of the key and is never used twice, even after deletion.

use serde::{Deserialize, Serialize};

use super::container_definition::{ContainerDefinition, KeyValuePair};
use super::name::{ContainerName, Family, TaskDefinitionId};
use super::node::CpuArchitecture;
use super::tag::Tags;
use super::text::text_enum;
use super::volume::Volume;
use crate::{Arn, Record, Scope, Timestamp};

text_enum! {
    /// A task definition's status.
    pub enum TaskDefinitionStatus {
        /// Usable.
        Active = "ACTIVE",
        /// Deregistered: what runs goes on, nothing new starts.
        Inactive = "INACTIVE",
        /// Deleted as soon as nothing refers to it.
        DeleteInProgress = "DELETE_IN_PROGRESS",
    }
}

text_enum! {
    /// How a task's containers reach the network.
    pub enum NetworkMode {
        /// A bridge of the host, with published ports.
        Bridge = "bridge",
        /// The host's own network.
        Host = "host",
        /// The task's own interface in a subnet.
        Awsvpc = "awsvpc",
        /// No network.
        None = "none",
    }
}

text_enum! {
    /// A kind of capacity that a task definition can run on.
    pub enum Compatibility {
        /// Container instances.
        Ec2 = "EC2",
        /// Fargate.
        Fargate = "FARGATE",
        /// Instances outside AWS.
        External = "EXTERNAL",
        /// Instances that ECS manages.
        ManagedInstances = "MANAGED_INSTANCES",
    }
}

text_enum! {
    /// Whose process ids the containers see.
    pub enum PidMode {
        /// The host's.
        Host = "host",
        /// The whole task's.
        Task = "task",
    }
}

text_enum! {
    /// Whose System V IPC and POSIX shared memory the containers see.
    pub enum IpcMode {
        /// The host's.
        Host = "host",
        /// The whole task's.
        Task = "task",
        /// Each its own, private.
        None = "none",
    }
}

text_enum! {
    /// The operating system that the containers need.
    pub enum OsFamily {
        /// Linux.
        Linux = "LINUX",
        /// Windows Server 2016 Full.
        WindowsServer2016Full = "WINDOWS_SERVER_2016_FULL",
        /// Windows Server 2019 Full.
        WindowsServer2019Full = "WINDOWS_SERVER_2019_FULL",
        /// Windows Server 2019 Core.
        WindowsServer2019Core = "WINDOWS_SERVER_2019_CORE",
        /// Windows Server 2004 Core.
        WindowsServer2004Core = "WINDOWS_SERVER_2004_CORE",
        /// Windows Server 20H2 Core.
        WindowsServer20H2Core = "WINDOWS_SERVER_20H2_CORE",
        /// Windows Server 2022 Core.
        WindowsServer2022Core = "WINDOWS_SERVER_2022_CORE",
        /// Windows Server 2022 Full.
        WindowsServer2022Full = "WINDOWS_SERVER_2022_FULL",
        /// Windows Server 2025 Core.
        WindowsServer2025Core = "WINDOWS_SERVER_2025_CORE",
        /// Windows Server 2025 Full.
        WindowsServer2025Full = "WINDOWS_SERVER_2025_FULL",
    }
}

text_enum! {
    /// The kind of proxy that a task definition asks for.
    pub enum ProxyType {
        /// App Mesh.
        AppMesh = "APPMESH",
    }
}

text_enum! {
    /// The kinds of placement constraint that a task definition may carry.
    pub enum PlacementConstraintType {
        /// An expression in the cluster query language.
        MemberOf = "memberOf",
    }
}

/// One revision of a family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// Account and region.
    pub scope: Scope,
    /// Family and revision.
    pub id: TaskDefinitionId,
    /// Active, deregistered, or on its way out.
    pub status: TaskDefinitionStatus,
    /// What was registered, with ECS's defaults filled in.
    pub spec: TaskDefinitionSpec,
    /// The launch types that could run it, found at registration.
    pub compatibilities: Vec<Compatibility>,
    /// The attributes that a container instance needs to run it, found at registration.
    pub requires_attributes: Vec<RequiredAttribute>,
    /// Tags; they alone may change after registration.
    pub tags: Tags,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// The principal that registered it.
    pub registered_by: String,
    /// When it was deregistered.
    pub deregistered_at: Option<Timestamp>,
    /// When its deletion was asked for.
    pub delete_requested_at: Option<Timestamp>,
}

impl Record for TaskDefinition {}

impl TaskDefinition {
    /// The revision's ARN.
    pub fn arn(&self) -> Arn {
        self.id.arn(&self.scope)
    }

    /// The definition of the container called `name`.
    pub fn container(&self, name: &str) -> Option<&ContainerDefinition> {
        self.spec.container_definitions.iter().find(|c| c.name.as_str() == name)
    }
}

/// What a task definition says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinitionSpec {
    /// The containers, in the order of registration.
    pub container_definitions: Vec<ContainerDefinition>,
    /// The role that the containers' code assumes.
    pub task_role_arn: Option<String>,
    /// The role that pulls images, writes logs and reads secrets.
    pub execution_role_arn: Option<String>,
    /// Network mode; absent means `bridge`.
    pub network_mode: Option<NetworkMode>,
    /// Volumes that containers mount by name.
    pub volumes: Vec<Volume>,
    /// Constraints on the container instance.
    pub placement_constraints: Vec<PlacementConstraint>,
    /// The launch types that registration had to check.
    pub requires_compatibilities: Option<Vec<Compatibility>>,
    /// The task's CPU units; 1024 are one core.
    pub cpu: Option<u32>,
    /// The task's memory in MiB.
    pub memory: Option<u32>,
    /// Process id namespace.
    pub pid_mode: Option<PidMode>,
    /// IPC namespace.
    pub ipc_mode: Option<IpcMode>,
    /// The proxy that takes the task's traffic.
    pub proxy_configuration: Option<ProxyConfiguration>,
    /// Size of the task's scratch space.
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// Operating system and architecture.
    pub runtime_platform: Option<RuntimePlatform>,
    /// Whether the metadata endpoint takes fault injection requests.
    pub enable_fault_injection: Option<bool>,
}

impl TaskDefinitionSpec {
    /// The network mode, with ECS's default for Linux.
    pub fn effective_network_mode(&self) -> NetworkMode {
        self.network_mode.unwrap_or(NetworkMode::Bridge)
    }

    /// Whether registration had to check that the definition runs on `launch`.
    pub fn requires(&self, launch: Compatibility) -> bool {
        self.requires_compatibilities.as_ref().is_some_and(|all| all.contains(&launch))
    }
}

/// A family's counter of revisions. It outlives every revision, so that none is used twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FamilyCounter {
    /// Account and region.
    pub scope: Scope,
    /// The family.
    pub family: Family,
    /// The revision given last.
    pub last_revision: u32,
}

impl Record for FamilyCounter {}

/// A constraint on the container instances that may run the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementConstraint {
    /// Always `memberOf`.
    pub kind: PlacementConstraintType,
    /// The cluster query.
    pub expression: Option<String>,
}

/// A proxy container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProxyConfiguration {
    /// `APPMESH`; absent means the same.
    pub kind: Option<ProxyType>,
    /// The container that is the proxy.
    pub container_name: ContainerName,
    /// Ports and user ids.
    pub properties: Option<Vec<KeyValuePair>>,
}

/// The task's scratch space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EphemeralStorage {
    /// In GiB; 21 to 200 on Fargate.
    pub size_in_gib: u32,
}

/// What the task's machine must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimePlatform {
    /// The processor.
    pub cpu_architecture: Option<CpuArchitecture>,
    /// The operating system.
    pub operating_system_family: Option<OsFamily>,
}

/// An attribute that a container instance must have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequiredAttribute {
    /// Such as `ecs.capability.task-eni`.
    pub name: String,
    /// Its value, where one is demanded.
    pub value: Option<String>,
}
