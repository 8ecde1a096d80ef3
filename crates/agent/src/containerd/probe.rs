//! What the machine has: the OCI runtime, and executables in PATH.

use std::path::{Path, PathBuf};

use super::Error;

/// Where executables are looked for when PATH is poor, as under some service managers.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An OCI runtime's executable.
#[derive(Clone, Debug)]
pub struct OciRuntime {
    path: PathBuf,
}

impl OciRuntime {
    /// Takes the wanted one, else crun (a third of runc's start time) where it works, else runc.
    pub fn find(wanted: Option<&Path>) -> Result<OciRuntime, Error> {
        let path = match wanted {
            Some(path) => path.is_file().then(|| path.to_path_buf()),
            None if crun_works() => in_path("crun").or_else(|| in_path("runc")),
            None => in_path("runc").or_else(|| in_path("crun")),
        };
        path.map(|path| OciRuntime { path }).ok_or(Error::NoRuntime)
    }

    /// Its executable.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// crun refuses the mixture of both cgroup versions when the newer one has controllers.
fn crun_works() -> bool {
    let controllers = std::fs::read_to_string("/sys/fs/cgroup/unified/cgroup.controllers");
    controllers.map_or(true, |names| names.trim().is_empty())
}

/// Looks an executable up in PATH and then in the usual places.
pub fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(std::env::split_paths(DEFAULT_PATH))
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
}
