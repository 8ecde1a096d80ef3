//! A container's definition inside a task definition.
//!
//! Kernel-facing parts are in [`linux`](super::linux), volumes in
//! [`volume`](super::volume).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::linux::{LinuxParameters, SystemControl, Ulimit};
use super::name::ContainerName;
use super::text::text_enum;
use super::volume::{MountPoint, VolumeFrom};

/// One container of a task definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerDefinition {
    /// Unique in the task definition.
    pub name: ContainerName,
    /// The image, as it was written.
    pub image: String,
    /// How to sign in to a private registry.
    pub repository_credentials: Option<RepositoryCredentials>,
    /// CPU units; shares on Linux. 0 when none were asked for.
    pub cpu: u32,
    /// Hard memory limit in MiB.
    pub memory: Option<u32>,
    /// Soft memory limit in MiB.
    pub memory_reservation: Option<u32>,
    /// Links to other containers (`name:alias`), bridge mode only.
    pub links: Option<Vec<String>>,
    /// Ports.
    pub port_mappings: Vec<PortMapping>,
    /// Whether the task ends with this container.
    pub essential: bool,
    /// Restarts in place.
    pub restart_policy: Option<RestartPolicy>,
    /// Replaces the image's entry point.
    pub entry_point: Option<Vec<String>>,
    /// Replaces the image's command.
    pub command: Option<Vec<String>>,
    /// Environment variables.
    pub environment: Vec<KeyValuePair>,
    /// Files of environment variables.
    pub environment_files: Option<Vec<EnvironmentFile>>,
    /// Volumes to mount.
    pub mount_points: Vec<MountPoint>,
    /// Containers whose volumes are mounted too.
    pub volumes_from: Vec<VolumeFrom>,
    /// Linux settings.
    pub linux_parameters: Option<LinuxParameters>,
    /// Secrets for the environment.
    pub secrets: Option<Vec<Secret>>,
    /// What must have happened to other containers before.
    pub depends_on: Option<Vec<Dependency>>,
    /// Seconds within which dependencies must be met.
    pub start_timeout: Option<u32>,
    /// Seconds between SIGTERM and SIGKILL.
    pub stop_timeout: Option<u32>,
    /// Whether a service resolves the image's tag once a deployment.
    pub version_consistency: Option<VersionConsistency>,
    /// Host name.
    pub hostname: Option<String>,
    /// User, and group after a colon.
    pub user: Option<String>,
    /// Working directory.
    pub working_directory: Option<String>,
    /// Whether the container has no network.
    pub disable_networking: Option<bool>,
    /// Whether it has the host's rights.
    pub privileged: Option<bool>,
    /// Whether its root file system cannot be written.
    pub readonly_root_filesystem: Option<bool>,
    /// Name servers.
    pub dns_servers: Option<Vec<String>>,
    /// Search domains.
    pub dns_search_domains: Option<Vec<String>>,
    /// Lines for /etc/hosts.
    pub extra_hosts: Option<Vec<HostEntry>>,
    /// SELinux, AppArmor and `no-new-privileges`.
    pub docker_security_options: Option<Vec<String>>,
    /// Whether stdin stays open.
    pub interactive: Option<bool>,
    /// Whether there is a terminal.
    pub pseudo_terminal: Option<bool>,
    /// Labels.
    pub docker_labels: Option<BTreeMap<String, String>>,
    /// Resource limits.
    pub ulimits: Option<Vec<Ulimit>>,
    /// Where output goes.
    pub log_configuration: Option<LogConfiguration>,
    /// How the container is found healthy.
    pub health_check: Option<HealthCheck>,
    /// Kernel parameters.
    pub system_controls: Vec<SystemControl>,
    /// Whether and how the container routes other containers' logs.
    pub firelens_configuration: Option<FirelensConfiguration>,
}

/// A name and its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyValuePair {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// Credentials of a private registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryCredentials {
    /// The ARN or name of the secret.
    pub credentials_parameter: String,
}

text_enum! {
    /// A transport protocol.
    pub enum TransportProtocol {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
    }
}

text_enum! {
    /// What a port speaks, for Service Connect.
    pub enum ApplicationProtocol {
        /// HTTP/1.1.
        Http = "http",
        /// HTTP/2.
        Http2 = "http2",
        /// gRPC.
        Grpc = "grpc",
    }
}

/// A published port or range of ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// The container's port; absent when a range is given.
    pub container_port: Option<u16>,
    /// The host's port; 0 asks for a free one.
    pub host_port: Option<u16>,
    /// The transport.
    pub protocol: Option<TransportProtocol>,
    /// The mapping's name, for Service Connect.
    pub name: Option<String>,
    /// What the port speaks.
    pub app_protocol: Option<ApplicationProtocol>,
    /// A range instead of one port.
    pub container_port_range: Option<PortRange>,
}

/// Ports from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The ports from `first` to `last`; neither is 0, nor is the order reversed.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first > 0 && first <= last).then_some(PortRange { first, last })
    }

    /// Reads `first-last`.
    pub fn parse(raw: &str) -> Option<Self> {
        let (first, last) = raw.split_once('-')?;
        PortRange::new(first.parse().ok()?, last.parse().ok()?)
    }

    /// The first port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The last port.
    pub fn last(self) -> u16 {
        self.last
    }
}

impl std::fmt::Display for PortRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl TryFrom<String> for PortRange {
    type Error = String;
    fn try_from(raw: String) -> Result<Self, String> {
        PortRange::parse(&raw).ok_or_else(|| format!("not a port range: {raw:?}"))
    }
}

impl From<PortRange> for String {
    fn from(range: PortRange) -> String {
        range.to_string()
    }
}

/// Restarts of a container in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartPolicy {
    /// Whether it is on.
    pub enabled: bool,
    /// Exit codes after which the container stays down.
    pub ignored_exit_codes: Option<Vec<i32>>,
    /// Seconds that it must have run before it may be restarted.
    pub restart_attempt_period: Option<u32>,
}

/// A file of environment variables in object storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentFile {
    /// The object's ARN.
    pub value: String,
    /// Where the object is.
    pub kind: EnvironmentFileType,
}

text_enum! {
    /// Where a file of environment variables is.
    pub enum EnvironmentFileType {
        /// In S3.
        S3 = "s3",
    }
}

/// A secret under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// The variable or log option.
    pub name: String,
    /// An ARN of Secrets Manager, or an ARN or name of a parameter.
    pub value_from: String,
}

text_enum! {
    /// What must have happened to the container that is depended on.
    pub enum ContainerCondition {
        /// It started.
        Start = "START",
        /// It ended.
        Complete = "COMPLETE",
        /// It ended with exit code 0.
        Success = "SUCCESS",
        /// Its health check passed.
        Healthy = "HEALTHY",
    }
}

/// A condition on another container of the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The other container.
    pub container_name: String,
    /// What must have happened to it.
    pub condition: ContainerCondition,
}

text_enum! {
    /// Whether a service resolves an image's tag once a deployment.
    pub enum VersionConsistency {
        /// It does.
        Enabled = "enabled",
        /// Each task resolves it.
        Disabled = "disabled",
    }
}

/// A line of /etc/hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    /// The name.
    pub hostname: String,
    /// Its address.
    pub ip_address: String,
}

text_enum! {
    /// A log driver.
    pub enum LogDriver {
        /// JSON files on the node.
        JsonFile = "json-file",
        /// Syslog.
        Syslog = "syslog",
        /// The systemd journal.
        Journald = "journald",
        /// Graylog.
        Gelf = "gelf",
        /// Fluentd.
        Fluentd = "fluentd",
        /// CloudWatch Logs.
        Awslogs = "awslogs",
        /// Splunk.
        Splunk = "splunk",
        /// A FireLens container of the task.
        Awsfirelens = "awsfirelens",
    }
}

/// Where a container's output goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfiguration {
    /// The driver.
    pub log_driver: LogDriver,
    /// Its options.
    pub options: Option<BTreeMap<String, String>>,
    /// Options whose values are secrets.
    pub secret_options: Option<Vec<Secret>>,
}

/// A command that finds the container healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `CMD …`, or `CMD-SHELL` and one command line.
    pub command: Vec<String>,
    /// Seconds between checks.
    pub interval: Option<u32>,
    /// Seconds that a check may take.
    pub timeout: Option<u32>,
    /// Consecutive failures that make the container unhealthy.
    pub retries: Option<u32>,
    /// Seconds at the start in which failures do not count.
    pub start_period: Option<u32>,
}

text_enum! {
    /// A FireLens log router.
    pub enum FirelensType {
        /// Fluentd.
        Fluentd = "fluentd",
        /// Fluent Bit.
        Fluentbit = "fluentbit",
    }
}

/// Makes a container the task's log router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirelensConfiguration {
    /// Which router.
    pub kind: FirelensType,
    /// Its options.
    pub options: Option<BTreeMap<String, String>>,
}
