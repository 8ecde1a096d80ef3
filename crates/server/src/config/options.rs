//! The options of `longshore up`, as flags, environment variables and keys of a TOML file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::blobs::BlobOptions;
use super::peers::PeerOptions;

/// Options of `longshore up`. Keys of the file are the flags' names without dashes in front.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct UpOptions {
    /// A TOML file with any of these options
    #[arg(long, env = "LONGSHORE_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Where everything lives [default: /var/lib/longshore]
    #[arg(long, env = "LONGSHORE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// The address and port of the API and the registry [default: 127.0.0.1:4566]
    #[arg(long, env = "LONGSHORE_LISTEN")]
    pub listen: Option<String>,
    /// The region of the AWS profile that is written [default: us-east-2]
    #[arg(long, env = "LONGSHORE_REGION")]
    pub region: Option<String>,
    /// The account of the root key [default: 123456789012]
    #[arg(long, env = "LONGSHORE_ACCOUNT_ID")]
    pub account_id: Option<String>,
    /// Address blocks for VPCs are cut from this one [default: 10.64.0.0/10]
    #[arg(long, env = "LONGSHORE_NETWORK_POOL")]
    pub network_pool: Option<String>,
    /// A file with a root key of your own: aws_access_key_id = ... and aws_secret_access_key = ...
    #[arg(long, env = "LONGSHORE_ROOT_ACCESS_KEY_FILE")]
    pub root_access_key_file: Option<PathBuf>,
    /// The AWS profile to write [default: longshore]
    #[arg(long, env = "LONGSHORE_PROFILE")]
    pub profile: Option<String>,
    /// Write no AWS profile
    #[arg(long, env = "LONGSHORE_NO_PROFILE")]
    pub no_profile: bool,
    /// How Longshore's own log is written [default: text]
    #[arg(long, env = "LONGSHORE_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
    /// Serve the API without a node: nothing can run
    #[arg(long, env = "LONGSHORE_NO_NODE")]
    pub no_node: bool,
    /// Stop all tasks when Longshore stops; otherwise they go on and are adopted at the next start
    #[arg(long, env = "LONGSHORE_STOP_TASKS")]
    pub stop_tasks: bool,
    /// The socket of a containerd that is running already, instead of a private one
    #[arg(long, env = "LONGSHORE_CONTAINERD")]
    pub containerd: Option<PathBuf>,
    /// The OCI runtime's executable [default: crun, else runc]
    #[arg(long, env = "LONGSHORE_OCI_RUNTIME")]
    pub oci_runtime: Option<PathBuf>,
    /// The containerd snapshotter [default: overlayfs, else native]
    #[arg(long, env = "LONGSHORE_SNAPSHOTTER")]
    pub snapshotter: Option<String>,
    /// A CNI configuration directory, instead of Longshore's own networks
    #[arg(long, env = "LONGSHORE_CNI_CONF_DIR")]
    pub cni_conf_dir: Option<PathBuf>,
    /// The cluster in which this machine is a container instance, for EC2 and EXTERNAL tasks [default: default]
    #[arg(long, env = "LONGSHORE_INSTANCE_CLUSTER")]
    pub instance_cluster: Option<String>,
    /// Seconds between two looks for images that nobody uses [default: 300]
    #[arg(long, env = "LONGSHORE_IMAGE_CLEANUP_INTERVAL", value_name = "SECONDS")]
    pub image_cleanup_interval: Option<u64>,
    /// Seconds that an image stays after its last use although the disk is 85 % full [default: 600]
    #[arg(long, env = "LONGSHORE_IMAGE_MINIMUM_CLEANUP_AGE", value_name = "SECONDS")]
    pub image_minimum_cleanup_age: Option<u64>,
    /// Seconds after its last use when an image goes although there is room [default: 604800]
    #[arg(long, env = "LONGSHORE_IMAGE_UNUSED_AFTER", value_name = "SECONDS")]
    pub image_unused_after: Option<u64>,
    /// Tasks may mount the NFS server's DIRECTORY as the EFS file system ID; may be repeated
    #[arg(
        long = "file-system",
        env = "LONGSHORE_FILE_SYSTEM",
        value_name = "ID=HOST:/DIRECTORY",
        value_delimiter = ','
    )]
    pub file_system: Vec<String>,
    /// Pull-through caches ask URL instead of the registry at HOST; may be repeated
    #[arg(
        long = "registry-mirror",
        env = "LONGSHORE_REGISTRY_MIRROR",
        value_name = "HOST=URL",
        value_delimiter = ','
    )]
    pub registry_mirror: Vec<String>,
    /// The Longshores of other accounts that images may be replicated to.
    #[command(flatten)]
    #[serde(flatten)]
    pub registry_peers: PeerOptions,
    /// A folder of OSV documents: the vulnerabilities that image scans look for
    #[arg(long, env = "LONGSHORE_VULNERABILITY_DB")]
    pub vulnerability_db: Option<PathBuf>,
    /// Where layers and log segments are kept.
    #[command(flatten)]
    #[serde(flatten)]
    pub blobs: BlobOptions,
    /// PutLogEvents requests a second of an account and region; more are throttled [default: 5000]
    #[arg(long, env = "LONGSHORE_LOG_REQUESTS_PER_SECOND")]
    pub log_requests_per_second: Option<u32>,
    /// MiB of log events a second that one log group takes; more are throttled [default: no limit]
    #[arg(long, env = "LONGSHORE_LOG_GROUP_MIB_PER_SECOND")]
    pub log_group_mib_per_second: Option<u32>,
    /// Seconds without input or output after which an exec session ends [default: 1200]
    #[arg(long, env = "LONGSHORE_EXEC_IDLE_TIMEOUT", value_name = "SECONDS")]
    pub exec_idle_timeout: Option<u32>,
    /// CPU units offered to tasks, 1024 a core [default: what the machine has]
    #[arg(long, env = "LONGSHORE_NODE_CPU_UNITS")]
    pub node_cpu_units: Option<u32>,
    /// MiB of memory offered to tasks [default: what the machine has]
    #[arg(long, env = "LONGSHORE_NODE_MEMORY_MIB")]
    pub node_memory_mib: Option<u32>,
}

/// How our own log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

impl UpOptions {
    /// These options, and those of `file` where nothing was said.
    pub fn or(self, file: UpOptions) -> UpOptions {
        UpOptions {
            config: self.config,
            data_dir: self.data_dir.or(file.data_dir),
            listen: self.listen.or(file.listen),
            region: self.region.or(file.region),
            account_id: self.account_id.or(file.account_id),
            network_pool: self.network_pool.or(file.network_pool),
            root_access_key_file: self.root_access_key_file.or(file.root_access_key_file),
            profile: self.profile.or(file.profile),
            no_profile: self.no_profile || file.no_profile,
            log_format: self.log_format.or(file.log_format),
            no_node: self.no_node || file.no_node,
            stop_tasks: self.stop_tasks || file.stop_tasks,
            containerd: self.containerd.or(file.containerd),
            oci_runtime: self.oci_runtime.or(file.oci_runtime),
            snapshotter: self.snapshotter.or(file.snapshotter),
            cni_conf_dir: self.cni_conf_dir.or(file.cni_conf_dir),
            instance_cluster: self.instance_cluster.or(file.instance_cluster),
            image_cleanup_interval: self.image_cleanup_interval.or(file.image_cleanup_interval),
            image_minimum_cleanup_age: self.image_minimum_cleanup_age.or(file.image_minimum_cleanup_age),
            image_unused_after: self.image_unused_after.or(file.image_unused_after),
            file_system: if self.file_system.is_empty() { file.file_system } else { self.file_system },
            registry_mirror: if self.registry_mirror.is_empty() {
                file.registry_mirror
            } else {
                self.registry_mirror
            },
            registry_peers: self.registry_peers.or(file.registry_peers),
            vulnerability_db: self.vulnerability_db.or(file.vulnerability_db),
            blobs: self.blobs.or(file.blobs),
            log_requests_per_second: self.log_requests_per_second.or(file.log_requests_per_second),
            log_group_mib_per_second: self.log_group_mib_per_second.or(file.log_group_mib_per_second),
            exec_idle_timeout: self.exec_idle_timeout.or(file.exec_idle_timeout),
            node_cpu_units: self.node_cpu_units.or(file.node_cpu_units),
            node_memory_mib: self.node_memory_mib.or(file.node_memory_mib),
        }
    }
}
