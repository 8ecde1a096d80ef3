//! ECS's nouns: clusters, task definitions, tasks, nodes, container instances and settings.
//!
//! What a user registered is kept member for member (an absent member stays absent), so
//! that describing returns it unchanged. What was wanted and what was seen are apart:
//! see [`task`].

pub mod cluster;
pub mod container_definition;
pub mod container_instance;
pub mod deployment;
pub mod lifecycle;
pub mod linux;
pub mod log_options;
pub mod name;
pub mod node;
pub mod overrides;
pub mod placement;
pub mod service;
pub mod service_connect;
pub mod service_revision;
pub mod setting;
pub mod status;
pub mod supervision;
pub mod tag;
pub mod task;
pub mod task_container;
pub mod task_definition;
pub mod task_set;
pub mod text;
pub mod volume;

pub use cluster::Cluster;
pub use container_definition::ContainerDefinition;
pub use container_instance::ContainerInstance;
pub use deployment::{Deployment, ServiceDeployment};
pub use name::{
    ClusterName, ContainerInstanceId, ContainerName, Family, NodeId, RevisionId, ServiceDeploymentId,
    ServiceName, TaskDefinitionId, TaskId,
};
pub use node::{Node, NodeLoad};
pub use overrides::{ContainerOverride, TaskOverride};
pub use service::{Service, ServiceEvent};
pub use service_revision::ServiceRevision;
pub use status::{ContainerStatus, DesiredStatus, LastStatus};
pub use tag::Tags;
pub use task::Task;
pub use task_container::TaskContainer;
pub use task_definition::TaskDefinition;
pub use text::TextEnum;
