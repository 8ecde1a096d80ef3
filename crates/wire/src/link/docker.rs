//! Docker API JSON inside a link message.
//!
//! ECS ships `config` and `hostConfig` as JSON *strings* in the form of Docker's
//! API 1.19; here they are typed, and are strings only on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The two Docker documents of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DockerConfig {
    /// Docker API version, `1.19`.
    pub version: String,
    /// What belongs to the container itself.
    #[serde(with = "json_string")]
    pub config: ContainerConfig,
    /// What belongs to the host.
    #[serde(with = "json_string")]
    pub host_config: HostConfig,
}

/// Docker's `Config`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerConfig {
    /// Host name inside the container; empty for the default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// `user[:group]`, names or numbers; empty keeps the image's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Working directory; empty keeps the image's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Whether a terminal is allocated.
    pub tty: bool,
    /// Whether stdin stays open.
    pub open_stdin: bool,
    /// The health check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<HealthCheck>,
}

/// Docker's health check; durations are nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthCheck {
    /// `["CMD", …]` or `["CMD-SHELL", command]`.
    pub test: Vec<String>,
    /// Time between checks, ns.
    pub interval: i64,
    /// Time a check may take, ns.
    pub timeout: i64,
    /// Grace at the start, ns.
    pub start_period: i64,
    /// Consecutive failures that make the container unhealthy.
    pub retries: i64,
}

/// Docker's `HostConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostConfig {
    /// Where output goes.
    pub log_config: LogConfig,
    /// `awsvpc` tasks leave it empty; else `bridge`, `host`, `none`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub network_mode: String,
    /// Added capabilities.
    pub cap_add: Vec<String>,
    /// Dropped capabilities.
    pub cap_drop: Vec<String>,
    /// Whether the container has the host's rights.
    pub privileged: bool,
    /// Whether the root file system is read-only.
    pub readonly_rootfs: bool,
    /// Name servers.
    pub dns: Vec<String>,
    /// Search domains.
    pub dns_search: Vec<String>,
    /// `host:address` lines for /etc/hosts.
    pub extra_hosts: Vec<String>,
    /// `no-new-privileges`, `label:…`, `apparmor:…`.
    pub security_opt: Vec<String>,
    /// Resource limits.
    pub ulimits: Vec<Ulimit>,
    /// Kernel parameters of the container's namespaces.
    pub sysctls: BTreeMap<String, String>,
    /// Devices of the node.
    pub devices: Vec<Device>,
    /// tmpfs mounts: path to comma-separated options.
    pub tmpfs: BTreeMap<String, String>,
    /// Size of /dev/shm in bytes; 0 for the default.
    pub shm_size: i64,
    /// Whether an init process reaps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Soft memory limit in bytes; 0 for none.
    pub memory_reservation: i64,
    /// Memory plus swap in bytes; -1 for unlimited, 0 for the default.
    pub memory_swap: i64,
    /// 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_swappiness: Option<i64>,
}

/// A log driver and its options.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LogConfig {
    /// `awslogs`, `json-file`, `none`, …; empty for the node's default.
    #[serde(rename = "Type")]
    pub driver: String,
    /// The driver's options.
    pub config: BTreeMap<String, String>,
}

/// A resource limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ulimit {
    /// `nofile`, `nproc`, ….
    pub name: String,
    /// The soft limit.
    pub soft: i64,
    /// The hard limit.
    pub hard: i64,
}

/// A device of the node given to a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Device {
    /// The path on the node.
    pub path_on_host: String,
    /// The path in the container.
    pub path_in_container: String,
    /// Of `r`, `w` and `m`.
    pub cgroup_permissions: String,
}

mod json_string {
    //! A typed value that is a JSON string on the wire.
    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<T: Serialize, S: Serializer>(value: &T, out: S) -> Result<S::Ok, S::Error> {
        serde_json::to_string(value).map_err(S::Error::custom)?.serialize(out)
    }

    pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(input: D) -> Result<T, D::Error> {
        serde_json::from_str(&String::deserialize(input)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_strings_on_the_wire() {
        let config = DockerConfig { version: "1.19".into(), ..DockerConfig::default() };
        let json = serde_json::to_value(&config).unwrap();
        assert!(json["hostConfig"].is_string());
        assert_eq!(serde_json::from_value::<DockerConfig>(json).unwrap(), config);
    }
}
