//! What an operator may choose about a node, and the names and directories that follow from it.
//!
//! Everything that two Longshores on one machine must not share carries the instance tag,
//! which is derived from the data directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::images::CleanupPolicy;

/// The containerd namespace that holds all our containers and images.
pub const CONTAINERD_NAMESPACE: &str = "longshore";

/// The choices of an operator, with everything else derived.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Where the node keeps its state; absolute.
    pub data_dir: PathBuf,
    /// Sockets, namespaces and whatever must vanish at a reboot; `None` derives `/run/longshore-TAG`.
    pub run_dir: Option<PathBuf>,
    /// The node's stable id: 32 hex digits.
    pub node_id: String,
    /// The address of a containerd that the operator runs; `None` starts a private one.
    pub containerd_address: Option<PathBuf>,
    /// The OCI runtime's executable; `None` prefers crun and falls back to runc.
    pub oci_runtime: Option<PathBuf>,
    /// The snapshotter; `None` prefers overlayfs and falls back to native.
    pub snapshotter: Option<String>,
    /// A CNI configuration directory; `None` builds networks by netlink.
    pub cni_conf_dir: Option<PathBuf>,
    /// Where CNI plugins are looked for.
    pub cni_bin_dirs: Vec<PathBuf>,
    /// The executable that is run again as `logger` and `init`: this binary.
    pub executable: PathBuf,
    /// `host:port` of Longshore's own registry, spoken to in plain HTTP when it is on loopback.
    pub registry_host: String,
    /// Further registries that speak plain HTTP.
    pub plain_http_registries: Vec<String>,
    /// The default region of tasks whose message names none.
    pub region: String,
    /// CPU units offered to tasks (1024 a core).
    pub cpu_units: u32,
    /// MiB of memory offered to tasks.
    pub memory_mib: u32,
    /// Attributes announced at registration.
    pub attributes: Vec<(String, String)>,
    /// The cluster in which the node is a container instance; `None` offers Fargate capacity alone.
    pub cluster: Option<String>,
    /// Whether nobody chose that cluster.
    pub cluster_by_default: bool,
    /// When images that nobody uses are removed.
    pub image_cleanup: CleanupPolicy,
    /// Network file systems that tasks may name, by id: `HOST:/DIRECTORY`.
    pub file_systems: BTreeMap<String, String>,
    /// TCP ports of the machine that no task may take.
    pub reserved_ports: Vec<u16>,
    /// How many network namespaces are kept ready.
    pub ready_namespaces: usize,
}

impl AgentConfig {
    /// A configuration with the defaults for `data_dir`.
    pub fn new(
        data_dir: impl Into<PathBuf>,
        node_id: impl Into<String>,
        registry_host: impl Into<String>,
    ) -> Self {
        AgentConfig {
            data_dir: data_dir.into(),
            run_dir: None,
            node_id: node_id.into(),
            containerd_address: None,
            oci_runtime: None,
            snapshotter: None,
            cni_conf_dir: None,
            cni_bin_dirs: vec!["/opt/cni/bin".into(), "/usr/lib/cni".into()],
            executable: std::env::current_exe().unwrap_or_else(|_| "longshore".into()),
            registry_host: registry_host.into(),
            plain_http_registries: Vec::new(),
            region: "us-east-1".into(),
            cpu_units: 1024,
            memory_mib: 1024,
            attributes: Vec::new(),
            cluster: None,
            cluster_by_default: false,
            image_cleanup: CleanupPolicy::default(),
            file_systems: BTreeMap::new(),
            reserved_ports: Vec::new(),
            ready_namespaces: 4,
        }
    }

    /// Five hex digits that tell this instance's links, cgroups and tables from another's.
    pub fn instance_tag(&self) -> String {
        let digest = Sha256::digest(self.data_dir.as_os_str().as_encoded_bytes());
        hex::encode(&digest[..3])[..5].to_string()
    }

    /// The directory whose content means nothing after a reboot.
    pub fn run_dir(&self) -> PathBuf {
        self.run_dir
            .clone()
            .unwrap_or_else(|| Path::new("/run").join(format!("longshore-{}", self.instance_tag())))
    }

    /// Where the balancer finds the networks of tasks that have a proxy.
    pub fn proxied_dir(&self) -> PathBuf {
        self.data_dir.join("proxied")
    }

    /// Where the journals and files of tasks are kept.
    pub fn tasks_dir(&self) -> PathBuf {
        self.data_dir.join("tasks")
    }

    /// Where the spools of container output are kept.
    pub fn spool_dir(&self) -> PathBuf {
        self.data_dir.join("spool")
    }

    /// Where the files of the log driver `json-file` are kept.
    pub fn container_logs_dir(&self) -> PathBuf {
        self.data_dir.join("containers")
    }

    /// Where volumes that outlive their task are kept.
    pub fn volumes_dir(&self) -> PathBuf {
        self.data_dir.join("volumes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_differ_by_data_directory() {
        let tag = |dir: &str| AgentConfig::new(dir, "n", "127.0.0.1:4566").instance_tag();
        assert_eq!(tag("/var/lib/longshore").len(), 5);
        assert_ne!(tag("/var/lib/longshore"), tag("/tmp/other"));
    }
}
