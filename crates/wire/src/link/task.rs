//! A task as a node receives it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::container::Container;
use super::routes_proxy::ProxyName;

/// Everything a node needs to run one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// The task's ARN.
    pub arn: String,
    /// The task definition's family.
    pub family: String,
    /// The task definition's revision, in decimal.
    pub version: String,
    /// RUNNING or STOPPED.
    pub desired_status: String,
    /// The account of the task definition.
    pub task_definition_account_id: String,
    /// FARGATE, EC2 or EXTERNAL.
    pub launch_type: String,
    /// `awsvpc`, `bridge`, `host` or `none`.
    pub network_mode: String,
    /// The task's CPU limit in vCPUs (0.25 is a quarter of a core).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// The task's memory limit in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<i64>,
    /// `host` or `task`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_mode: Option<String>,
    /// `host`, `task` or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipc_mode: Option<String>,
    /// The proxy that the task's connections are led through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_configuration: Option<ProxyConfiguration>,
    /// The service that owns the task, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// Credentials of the task role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_credentials: Option<RoleCredentials>,
    /// Credentials of the execution role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_role_credentials: Option<RoleCredentials>,
    /// The interfaces of an `awsvpc` task; the first is the primary one.
    #[serde(default)]
    pub elastic_network_interfaces: Vec<ElasticNetworkInterface>,
    /// Volumes that containers mount by name.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// The containers, in the order of the task definition.
    pub containers: Vec<Container>,
    /// What a Longshore control plane adds; an Amazon agent ignores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longshore: Option<TaskExtras>,
}

/// A proxy container, and what is led through it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyConfiguration {
    /// `APPMESH`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The container.
    pub container_name: String,
    /// Ports, users and addresses, by ECS's names.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

/// Longshore's additions to a task: what its metadata endpoint and network need beyond ECS's own message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskExtras {
    /// The cluster's ARN.
    pub cluster_arn: String,
    /// The region of the task's scope.
    pub region: String,
    /// The availability zone shown to the task.
    pub availability_zone: String,
    /// The VPC of the task's primary interface; interfaces of one VPC share a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// Prefix length of the primary interface's subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_prefix: Option<u8>,
    /// The task group (`family:x` or `service:x`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The task's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Fargate platform version, `1.4.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_version: Option<String>,
    /// Ephemeral storage in GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage_gib: Option<u32>,
    /// Whether ECS Exec is enabled for the task.
    #[serde(default)]
    pub enable_execute_command: bool,
    /// The names that lead to its own proxy of Service Connect.
    #[serde(default)]
    pub proxy_names: Vec<ProxyName>,
}

/// Temporary credentials of a role.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleCredentials {
    /// The id under which `/v2/credentials/ID` serves them.
    pub credentials_id: String,
    /// The role.
    pub role_arn: String,
    /// `ASIA…`.
    pub access_key_id: String,
    /// The secret; never printed.
    pub secret_access_key: String,
    /// The session token; never printed.
    pub session_token: String,
    /// RFC 3339.
    pub expiration: String,
}

impl std::fmt::Debug for RoleCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoleCredentials")
            .field("credentials_id", &self.credentials_id)
            .field("role_arn", &self.role_arn)
            .field("access_key_id", &self.access_key_id)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}

/// An elastic network interface of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ElasticNetworkInterface {
    /// `eni-…`.
    pub ec2_id: String,
    /// The attachment's ARN.
    pub attachment_arn: String,
    /// Six octets, colon separated.
    pub mac_address: String,
    /// 0 for the primary interface.
    pub index: i64,
    /// IPv4 addresses, the primary one first.
    pub ipv4_addresses: Vec<Ipv4Address>,
    /// The subnet's gateway with its prefix length, such as `10.64.0.1/20`.
    pub subnet_gateway_ipv4_address: String,
    /// Name servers of the VPC.
    #[serde(default)]
    pub domain_name_servers: Vec<String>,
    /// Search domains of the VPC.
    #[serde(default)]
    pub domain_name: Vec<String>,
    /// `ip-10-64-0-9.us-east-2.compute.internal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_dns_name: Option<String>,
}

/// One IPv4 address of an interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ipv4Address {
    /// Whether it is the interface's primary address.
    pub primary: bool,
    /// Dotted decimal.
    pub private_address: String,
}

/// A volume of the task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// The name that mount points use.
    pub name: String,
    /// `host`, `docker` or `efs`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For `host`: the path on the node; absent for an empty volume that lives as long as the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostVolume>,
    /// For `docker`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker_volume_configuration: Option<DockerVolume>,
    /// For `efs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efs_volume_configuration: Option<EfsVolume>,
}

/// A directory of the node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostVolume {
    /// Absolute path on the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_path: Option<String>,
}

/// A named volume made by a volume driver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DockerVolume {
    /// `task` or `shared`.
    pub scope: String,
    /// Whether a missing shared volume is created.
    #[serde(default)]
    pub autoprovision: bool,
    /// The driver, `local` by default.
    pub driver: String,
    /// Options for the driver.
    #[serde(default)]
    pub driver_opts: BTreeMap<String, String>,
    /// Labels of the volume.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// A network file system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EfsVolume {
    /// The file system: `fs-…`, or a host name.
    pub file_system_id: String,
    /// The exported directory.
    pub root_directory: String,
}
