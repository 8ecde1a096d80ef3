//! What the machine has: the OCI runtime, and executables in PATH.

use std::path::{Path, PathBuf};

use super::{Error, crun};
use crate::config::AgentConfig;

/// Where executables are looked for when PATH is poor, as under some service managers.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An OCI runtime's executable.
#[derive(Clone, Debug)]
pub struct OciRuntime {
    path: PathBuf,
}

impl OciRuntime {
    /// Takes the wanted one, else crun (half of runc's start time) where it works, else runc.
    pub async fn find(config: &AgentConfig) -> Result<OciRuntime, Error> {
        let path = match &config.oci_runtime {
            Some(path) => path.is_file().then(|| path.clone()),
            None => crun::find(&config.run_dir(), &config.executable).await.or_else(|| in_path("runc")),
        };
        path.map(|path| OciRuntime { path }).ok_or(Error::NoRuntime)
    }

    /// The runtime that is this executable.
    pub fn at(path: &Path) -> OciRuntime {
        OciRuntime { path: path.to_path_buf() }
    }

    /// Its executable.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Looks an executable up in PATH and then in the usual places.
pub fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(std::env::split_paths(DEFAULT_PATH))
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
}
