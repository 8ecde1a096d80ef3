//! What RunTask and StartTask change of a task definition, for one task.

use serde::{Deserialize, Serialize};

use super::container_definition::{EnvironmentFile, KeyValuePair};
use super::task_definition::EphemeralStorage;

/// Changes of the whole task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskOverride {
    /// Changes of single containers.
    pub container_overrides: Vec<ContainerOverride>,
    /// CPU units.
    pub cpu: Option<u32>,
    /// Memory in MiB.
    pub memory: Option<u32>,
    /// The task role.
    pub task_role_arn: Option<String>,
    /// The execution role.
    pub execution_role_arn: Option<String>,
    /// The scratch space.
    pub ephemeral_storage: Option<EphemeralStorage>,
}

/// Changes of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerOverride {
    /// The container.
    pub name: String,
    /// Replaces the command.
    pub command: Option<Vec<String>>,
    /// Variables that replace or join those of the definition.
    pub environment: Option<Vec<KeyValuePair>>,
    /// Replaces the environment files.
    pub environment_files: Option<Vec<EnvironmentFile>>,
    /// CPU units.
    pub cpu: Option<u32>,
    /// Hard memory limit in MiB.
    pub memory: Option<u32>,
    /// Soft memory limit in MiB.
    pub memory_reservation: Option<u32>,
}
