//! What all tasks of a node share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use containerd_client::types::Mount;
use parking_lot::Mutex;
use wire::link::Uplink;

use super::file_systems::FileSystems;
use super::journal::Journal;
use super::ports::{ImageSource, LogSink, MetadataHost};
use crate::cgroup::Cgroups;
use crate::config::AgentConfig;
use crate::dns::Resolver;
use crate::network::Networks;
use crate::runtime::mounts::Bind;
use crate::runtime::{Runtime, Stdio, spec};

/// Static init processes that distributions ship.
const INIT_CANDIDATES: [&str; 4] = [
    "/usr/bin/docker-init",
    "/usr/libexec/docker/docker-init",
    "/usr/bin/tini-static",
    "/usr/libexec/podman/catatonit",
];

/// The node as a task's runner sees it.
pub struct Node {
    /// The operator's choices.
    pub config: AgentConfig,
    /// Containers.
    pub runtime: Runtime,
    /// Networks.
    pub networks: Networks,
    /// Control groups.
    pub cgroups: Cgroups,
    /// The tasks' journals.
    pub journal: Journal,
    /// Names.
    pub resolver: Arc<Resolver>,
    /// The control plane.
    pub uplink: Arc<dyn Uplink>,
    /// Images.
    pub images: Arc<dyn ImageSource>,
    /// Output of containers.
    pub logs: Arc<dyn LogSink>,
    /// Metadata endpoints.
    pub metadata: Arc<dyn MetadataHost>,
    /// What the creation of containers has left for their start, by the id in containerd.
    pub prepared: Mutex<BTreeMap<String, Prepared>>,
    /// The capabilities that a container can have, a bit each.
    pub capabilities: u64,
    /// How many files a container may open where its definition does not say.
    pub open_files: u64,
    /// Network file systems that tasks may name.
    pub file_systems: FileSystems,
}

/// What is known of a created container that its start would have to ask for.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// How its root file system is mounted.
    pub mounts: Vec<Mount>,
    /// Where it writes, if that could be prepared.
    pub stdio: Option<Stdio>,
}

impl Node {
    /// The init process that reaps in a container which asks for one; an error is a reason as ECS words it.
    pub fn init_bind(&self) -> Result<Bind, String> {
        let source =
            INIT_CANDIDATES.iter().map(PathBuf::from).find(|path| path.is_file()).ok_or_else(|| {
                let text =
                    "initProcessEnabled needs a static init on the node (Debian: apt-get install tini)";
                super::errors::reason("CannotCreateContainerError", text)
            })?;
        Ok(Bind { source, destination: spec::INIT_PATH.into(), read_only: true })
    }
}

/// Fargate's limit of open files, or less where the node itself has less.
pub fn open_files() -> u64 {
    use nix::sys::resource::{Resource, getrlimit};
    getrlimit(Resource::RLIMIT_NOFILE).map_or(spec::OPEN_FILES, |(_soft, hard)| hard.min(spec::OPEN_FILES))
}
