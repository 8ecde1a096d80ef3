//! The control group of a task: `/longshore-TAG/TASK`, with the task's CPU and memory limits;
//! its containers' groups are below (made by the OCI runtime).
//!
//! Works on cgroup v2, and on v1 with controllers mounted side by side or hybrid.

mod values;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use values::TaskLimits;

use crate::runtime::holder;

const ROOT: &str = "/sys/fs/cgroup";
/// The controllers of v1 whose trees we make and remove ourselves.
const V1_CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];
/// The group, in a task's, of the process that holds its namespaces.
const HOLDER: &str = "holder";
/// A group whose last process is still dying refuses removal for a moment.
const REMOVE_ATTEMPTS: u32 = 50;

/// Why a task's control group could not be made or removed.
#[derive(Debug, thiserror::Error)]
#[error("{attempt} {path}")]
pub struct Error {
    attempt: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn failed(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error { attempt, path: path.to_path_buf(), source }
}

/// Which hierarchy the kernel offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One tree a controller.
    V1,
    /// One tree for all.
    V2,
}

/// The control groups of one Longshore.
#[derive(Clone, Debug)]
pub struct Cgroups {
    version: Version,
    parent: String,
}

impl Cgroups {
    /// Finds out what the kernel offers; `tag` names the instance.
    pub fn new(tag: &str) -> Cgroups {
        let version =
            if Path::new(ROOT).join("cgroup.controllers").exists() { Version::V2 } else { Version::V1 };
        Cgroups { version, parent: format!("/longshore-{tag}") }
    }

    /// Which hierarchy is in use.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The path, inside each hierarchy, of a task's group.
    pub fn task_path(&self, task_id: &str) -> String {
        format!("{}/{task_id}", self.parent)
    }

    /// The `cgroupsPath` of a container.
    pub fn container_path(&self, task_id: &str, container: &str) -> String {
        format!("{}/{container}", self.task_path(task_id))
    }

    /// Makes a task's group with its limits; making it again changes nothing.
    pub fn create(&self, task_id: &str, limits: &TaskLimits) -> Result<(), Error> {
        let task = self.task_path(task_id);
        match self.version {
            Version::V2 => {
                delegate(Path::new(ROOT))?;
                delegate(&make(Path::new(ROOT), &self.parent)?)?;
                let dir = make(Path::new(ROOT), &task)?;
                delegate(&dir)?;
                write_all(&dir, &limits.v2())
            }
            Version::V1 => {
                for controller in v1_controllers() {
                    let dir = make(&Path::new(ROOT).join(controller), &task)?;
                    write_all(&dir, &limits.v1(controller))?;
                }
                Ok(())
            }
        }
    }

    /// Puts the process that holds a task's namespaces into the task's group.
    pub fn hold(&self, task_id: &str, pid: u32) -> Result<(), Error> {
        let path = format!("{}/{HOLDER}", self.task_path(task_id));
        let roots: Vec<PathBuf> = match self.version {
            Version::V2 => vec![ROOT.into()],
            Version::V1 => v1_controllers().map(|controller| Path::new(ROOT).join(controller)).collect(),
        };
        for root in roots {
            write_all(&make(&root, &path)?, &[("cgroup.procs", pid.to_string())])?;
        }
        Ok(())
    }

    /// The process that holds a task's namespaces, if there is one.
    pub fn holder(&self, task_id: &str) -> Option<u32> {
        let path = format!("{}/{HOLDER}/cgroup.procs", self.task_path(task_id));
        let found = self.roots().into_iter().find_map(|root| fs::read_to_string(join(&root, &path)).ok());
        found.and_then(|text| text.lines().next().and_then(|pid| pid.parse().ok()))
    }

    /// Removes a task's group and all below it, the holder of its namespaces with it. What is already gone is no error.
    pub async fn remove(&self, task_id: &str) -> Result<(), Error> {
        if let Some(pid) = self.holder(task_id) {
            holder::end(pid);
        }
        let task = self.task_path(task_id);
        for root in self.roots() {
            let dir = join(&root, &task);
            remove_tree(&dir).await?;
        }
        Ok(())
    }

    /// The ids of tasks that have a group.
    pub fn task_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> =
            self.roots().iter().flat_map(|root| children(&join(root, &self.parent))).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// Removes the parent group once no task is left.
    pub async fn remove_parent(&self) {
        for root in self.roots() {
            let _ = fs::remove_dir(join(&root, &self.parent));
        }
    }

    /// How many processes of a container the kernel has killed for lack of memory.
    pub fn oom_kills(&self, task_id: &str, container: &str) -> u64 {
        let path = self.container_path(task_id, container);
        let file = match self.version {
            Version::V2 => join(Path::new(ROOT), &path).join("memory.events"),
            Version::V1 => join(&Path::new(ROOT).join("memory"), &path).join("memory.oom_control"),
        };
        values::oom_kills(&fs::read_to_string(file).unwrap_or_default())
    }

    fn roots(&self) -> Vec<PathBuf> {
        match self.version {
            Version::V2 => vec![ROOT.into()],
            Version::V1 => {
                children(Path::new(ROOT)).into_iter().map(|name| Path::new(ROOT).join(name)).collect()
            }
        }
    }
}

fn v1_controllers() -> impl Iterator<Item = &'static str> {
    V1_CONTROLLERS.into_iter().filter(|name| Path::new(ROOT).join(name).is_dir())
}

fn join(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn make(root: &Path, path: &str) -> Result<PathBuf, Error> {
    let dir = join(root, path);
    fs::create_dir_all(&dir).map_err(failed("making the control group", &dir))?;
    Ok(dir)
}

/// Passes the controllers on to the groups below. Those that are missing are no loss here: a limit
/// that cannot be set is reported when it is written.
fn delegate(dir: &Path) -> Result<(), Error> {
    let offered = fs::read_to_string(dir.join("cgroup.controllers")).unwrap_or_default();
    let control = dir.join("cgroup.subtree_control");
    let active = fs::read_to_string(&control).unwrap_or_default();
    for name in ["cpu", "cpuset", "io", "memory", "pids"] {
        let has = |text: &str| text.split_whitespace().any(|word| word == name);
        if has(&offered) && !has(&active) {
            fs::write(&control, format!("+{name}")).map_err(failed("enabling controllers in", &control))?;
        }
    }
    Ok(())
}

fn write_all(dir: &Path, values: &[(&'static str, String)]) -> Result<(), Error> {
    for (file, value) in values {
        let path = dir.join(file);
        fs::write(&path, value).map_err(failed("setting", &path))?;
    }
    Ok(())
}

/// Names of the directories in `dir`, none when it is missing.
fn children(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

async fn remove_tree(dir: &Path) -> Result<(), Error> {
    for attempt in 1.. {
        match remove_once(dir) {
            Ok(()) => break,
            Err(error) if attempt >= REMOVE_ATTEMPTS => return Err(failed("removing", dir)(error)),
            Err(_busy) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    Ok(())
}

fn remove_once(dir: &Path) -> io::Result<()> {
    for name in children(dir) {
        remove_once(&dir.join(name))?;
    }
    // A container whose shim was killed while containerd was away may have been forgotten alive.
    for pid in fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default().lines() {
        if let Ok(pid) = pid.parse() {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
    match fs::remove_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
