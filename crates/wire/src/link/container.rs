//! A container as a node receives it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::docker::DockerConfig;

/// One container of a task, overrides already applied by the control plane.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// The name in the task definition.
    pub name: String,
    /// The container's ARN (`container/CLUSTER/TASK/UUID`).
    pub container_arn: String,
    /// The image reference as the user wrote it.
    pub image: String,
    /// Replaces the image's command; `None` keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Replaces the image's entry point (and drops its command); `None` keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<Vec<String>>,
    /// Environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Files of further variables, by S3-style ARN.
    #[serde(default)]
    pub environment_files: Vec<EnvironmentFile>,
    /// Whether the task stops with this container.
    pub essential: bool,
    /// CPU shares in units (1024 a core); 0 is the kernel's minimum.
    #[serde(default)]
    pub cpu: i64,
    /// Hard memory limit in MiB; 0 for none.
    #[serde(default)]
    pub memory: i64,
    /// Ports to publish.
    #[serde(default)]
    pub port_mappings: Vec<PortMapping>,
    /// Volumes to mount.
    #[serde(default)]
    pub mount_points: Vec<MountPoint>,
    /// Containers whose volumes are mounted too.
    #[serde(default)]
    pub volumes_from: Vec<VolumeFrom>,
    /// Names of containers reachable by link (bridge mode).
    #[serde(default)]
    pub links: Vec<String>,
    /// What must have happened to other containers before this one starts.
    #[serde(default)]
    pub depends_on: Vec<ContainerDependency>,
    /// Seconds within which dependencies must be met; 0 for no limit.
    #[serde(default)]
    pub start_timeout: i64,
    /// Seconds between SIGTERM and SIGKILL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// Restarts in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<RestartPolicy>,
    /// `docker` when the node runs the health check found in `docker_config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_type: Option<String>,
    /// How to sign in to the image's registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_authentication: Option<RegistryAuthentication>,
    /// Secrets to resolve with the execution role.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// Makes it the task's log router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firelens_configuration: Option<FirelensConfiguration>,
    /// The rest, as Docker API JSON in strings.
    pub docker_config: DockerConfig,
}

/// A FireLens log router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FirelensConfiguration {
    /// `fluentd` or `fluentbit`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its options.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// A file of environment variables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentFile {
    /// `arn:aws:s3:::bucket/key`.
    pub value: String,
    /// `s3`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A published port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortMapping {
    /// The port inside the container; 0 when a range is given.
    #[serde(default)]
    pub container_port: u16,
    /// The port of the node; 0 asks for a free one.
    #[serde(default)]
    pub host_port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// `first-last`, instead of `container_port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_port_range: Option<String>,
    /// The mapping's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A volume in a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MountPoint {
    /// The volume's name.
    pub source_volume: String,
    /// Where it appears.
    pub container_path: String,
    /// Whether it cannot be written.
    #[serde(default)]
    pub read_only: bool,
}

/// All volumes of another container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeFrom {
    /// The other container's name.
    pub source_container: String,
    /// Whether they cannot be written.
    #[serde(default)]
    pub read_only: bool,
}

/// A condition on another container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerDependency {
    /// The other container's name.
    pub container_name: String,
    /// START, COMPLETE, SUCCESS or HEALTHY.
    pub condition: String,
}

/// In-place restarts of a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartPolicy {
    /// Whether restarts happen.
    pub enabled: bool,
    /// Exit codes after which the container stays down.
    #[serde(default)]
    pub ignored_exit_codes: Vec<i64>,
    /// Seconds the container must have run before it may be restarted.
    pub restart_attempt_period: i64,
}

/// Credentials for a registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryAuthentication {
    /// `ecr` or `asm`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For `ecr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecr_auth_data: Option<EcrAuthData>,
    /// For `asm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asm_auth_data: Option<AsmAuthData>,
}

/// Where an ECR token comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EcrAuthData {
    /// The account of the registry.
    pub registry_id: String,
    /// Its region.
    pub region: String,
    /// The API endpoint, when it is not AWS's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_override: Option<String>,
    /// Whether the execution role asks for the token.
    #[serde(default)]
    pub use_execution_role: bool,
}

/// A secret that holds a registry's user name and password.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AsmAuthData {
    /// The secret's ARN.
    pub credentials_parameter: String,
    /// Its region.
    pub region: String,
}

/// A secret to place in the environment or in the log options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// The variable's name.
    pub name: String,
    /// ARN or parameter name.
    pub value_from: String,
    /// `ssm` or `asm`.
    pub provider: String,
    /// `ENVIRONMENT_VARIABLE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Empty for the container, `LOG_DRIVER` for its log options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The region to ask.
    pub region: String,
}
