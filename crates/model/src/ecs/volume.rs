//! Volumes of a task definition and how containers mount them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text::text_enum;

/// A volume that containers mount by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// Unique in the task definition.
    pub name: String,
    /// What it is.
    pub source: VolumeSource,
}

/// What a volume is. A volume has one source at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum VolumeSource {
    /// Empty scratch space that lives as long as the task; nothing was given.
    Scratch,
    /// `host`: a path of the node, or scratch space when there is no path.
    Host(HostVolume),
    /// `dockerVolumeConfiguration`.
    Docker(DockerVolume),
    /// `efsVolumeConfiguration`: a network file system.
    Efs(EfsVolume),
}

/// A directory of the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostVolume {
    /// An absolute path; scratch space when absent.
    pub source_path: Option<String>,
}

text_enum! {
    /// How long a Docker volume lives.
    pub enum VolumeScope {
        /// As long as the task.
        Task = "task",
        /// Beyond the task.
        Shared = "shared",
    }
}

/// A volume made by a Docker volume driver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerVolume {
    /// How long it lives; absent means `task`.
    pub scope: Option<VolumeScope>,
    /// Whether a missing shared volume is made.
    pub autoprovision: Option<bool>,
    /// The driver; absent means `local`.
    pub driver: Option<String>,
    /// Options for the driver.
    pub driver_opts: Option<BTreeMap<String, String>>,
    /// Labels.
    pub labels: Option<BTreeMap<String, String>>,
}

text_enum! {
    /// A switch, spelt ENABLED and DISABLED.
    pub enum Switch {
        /// On.
        Enabled = "ENABLED",
        /// Off.
        Disabled = "DISABLED",
    }
}

/// A network file system in EFS's form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EfsVolume {
    /// The file system's id.
    pub file_system_id: String,
    /// The exported directory.
    pub root_directory: Option<String>,
    /// Whether the transport is encrypted.
    pub transit_encryption: Option<Switch>,
    /// The port of the encrypting helper.
    pub transit_encryption_port: Option<u16>,
    /// Access point and IAM.
    pub authorization_config: Option<EfsAuthorization>,
}

/// How a task is authorised to a file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EfsAuthorization {
    /// The access point.
    pub access_point_id: Option<String>,
    /// Whether the task role is used.
    pub iam: Option<Switch>,
}

/// A volume in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountPoint {
    /// The volume's name.
    pub source_volume: Option<String>,
    /// Where it appears.
    pub container_path: Option<String>,
    /// Whether it cannot be written.
    pub read_only: Option<bool>,
}

/// All volumes of another container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeFrom {
    /// The other container.
    pub source_container: Option<String>,
    /// Whether they cannot be written.
    pub read_only: Option<bool>,
}
