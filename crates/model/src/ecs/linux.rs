//! The parts of a container definition that face the Linux kernel.

use serde::{Deserialize, Serialize};

use super::text::text_enum;

/// Linux settings of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinuxParameters {
    /// Capabilities beside the runtime's default set.
    pub capabilities: Option<KernelCapabilities>,
    /// Devices of the host.
    pub devices: Option<Vec<Device>>,
    /// Whether an init process forwards signals and reaps.
    pub init_process_enabled: Option<bool>,
    /// Size of /dev/shm in MiB.
    pub shared_memory_size: Option<u32>,
    /// tmpfs mounts.
    pub tmpfs: Option<Vec<Tmpfs>>,
    /// Swap in MiB; 0 for none.
    pub max_swap: Option<u32>,
    /// 0 to 100.
    pub swappiness: Option<u32>,
}

/// Capabilities to add and to drop, by Docker's names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelCapabilities {
    /// Added.
    pub add: Option<Vec<String>>,
    /// Dropped.
    pub drop: Option<Vec<String>>,
}

text_enum! {
    /// What a container may do with a device.
    pub enum DevicePermission {
        /// Read.
        Read = "read",
        /// Write.
        Write = "write",
        /// Make the node.
        Mknod = "mknod",
    }
}

/// A device of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its path on the host.
    pub host_path: String,
    /// Its path in the container; the same when absent.
    pub container_path: Option<String>,
    /// What is allowed; everything when absent.
    pub permissions: Option<Vec<DevicePermission>>,
}

/// A tmpfs mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tmpfs {
    /// Where.
    pub container_path: String,
    /// In MiB.
    pub size: u32,
    /// Mount options.
    pub mount_options: Option<Vec<String>>,
}

text_enum! {
    /// A resource limit's name.
    pub enum UlimitName {
        /// Core file size.
        Core = "core",
        /// CPU seconds.
        Cpu = "cpu",
        /// Data segment.
        Data = "data",
        /// File size.
        Fsize = "fsize",
        /// File locks.
        Locks = "locks",
        /// Locked memory.
        Memlock = "memlock",
        /// Message queues.
        Msgqueue = "msgqueue",
        /// Nice ceiling.
        Nice = "nice",
        /// Open files.
        Nofile = "nofile",
        /// Processes.
        Nproc = "nproc",
        /// Resident set.
        Rss = "rss",
        /// Real-time priority.
        Rtprio = "rtprio",
        /// Real-time CPU time.
        Rttime = "rttime",
        /// Pending signals.
        Sigpending = "sigpending",
        /// Stack.
        Stack = "stack",
    }
}

/// A resource limit; -1 stands for unlimited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// Which.
    pub name: UlimitName,
    /// The limit in force.
    pub soft_limit: i32,
    /// How far the process may raise it.
    pub hard_limit: i32,
}

/// A kernel parameter of the container's namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemControl {
    /// Such as `net.ipv4.tcp_keepalive_time`.
    pub namespace: String,
    /// Its value.
    pub value: String,
}
