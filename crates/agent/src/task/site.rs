//! What the containers of a task share: network, control group, held namespaces, /dev/shm. Made before the first
//! container and taken down after the last; both may be repeated.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use wire::link;

use super::errors;
use super::file_systems::{self, FileSystemMount};
use super::firelens;
use super::node::Node;
use super::record::Record;
use super::volumes;
use crate::cgroup::{Cgroups, TaskLimits};
use crate::network::TaskNetwork;
use crate::runtime::holder::{self, Held};
use crate::runtime::mounts::shm_bytes;

/// Makes the site of a task; an error is a reason as ECS words it.
pub async fn provision(node: &Node, record: &Record) -> Result<TaskNetwork, String> {
    let ground = Ground::of(node, record);
    let prepared = tokio::task::spawn_blocking(move || ground.prepare());
    let (network, prepared) = tokio::join!(node.networks.provision(record.id(), &record.task), prepared);
    let reason = match prepared {
        Ok(Ok(())) => None,
        Ok(Err(reason)) => Some(reason),
        Err(error) => Some(errors::resource_initialization(&error)),
    };
    match (network, reason) {
        (Ok(network), None) => Ok(network),
        (Ok(network), Some(reason)) => {
            let _ = node.networks.release(record.id(), &network).await;
            Err(reason)
        }
        (Err(error), _) => Err(errors::resource_initialization(&error)),
    }
}

/// Takes the site of a task down.
pub async fn deprovision(node: &Node, record: &Record) -> Result<(), String> {
    let network = async {
        match &record.network {
            Some(network) => node.networks.release(record.id(), network).await,
            None => Ok(()),
        }
    };
    let (network, group) = tokio::join!(network, node.cgroups.remove(record.id()));
    remove_shm(&shm_dir(&node.config.run_dir(), record.id()));
    firelens::remove(&node.config.run_dir(), record.id());
    let volumes = node.journal.task_dir(record.id()).join("volumes");
    volumes::unmount(&volumes).map_err(|error| errors::chain(&error))?;
    let mounted = file_systems::task_dir(&node.config.run_dir(), record.id());
    let unmounted = tokio::task::spawn_blocking(move || file_systems::unmount_all(&mounted));
    let unmounted = unmounted.await.map_err(io::Error::other).flatten();
    unmounted.map_err(|error| errors::chain(&error))?;
    network.map_err(|error| errors::chain(&error))?;
    group.map_err(|error| errors::chain(&error))
}

/// The directory that stands for /dev/shm in all containers of a task that shares it.
pub fn shared_shm(node: &Node, record: &Record) -> Option<PathBuf> {
    let shares = held(&record.task).ipc;
    shares.then(|| shm_dir(&node.config.run_dir(), record.id()))
}

/// Unmounts what tasks that nobody knows have left.
pub fn sweep(run_dir: &Path, knows: impl Fn(&str) -> bool) {
    file_systems::sweep(run_dir, &knows);
    let Ok(entries) = fs::read_dir(run_dir.join("shm")) else { return };
    for entry in entries.flatten() {
        if !knows(&entry.file_name().to_string_lossy()) {
            remove_shm(&entry.path());
        }
    }
}

fn shm_dir(run_dir: &Path, task_id: &str) -> PathBuf {
    run_dir.join("shm").join(task_id)
}

fn held(task: &link::Task) -> Held {
    let shared = |mode: &Option<String>| mode.as_deref() == Some("task");
    Held { pid: shared(&task.pid_mode), ipc: shared(&task.ipc_mode) }
}

/// All of a site but its network: what blocks for a moment.
struct Ground {
    cgroups: Cgroups,
    executable: PathBuf,
    task_id: String,
    limits: TaskLimits,
    held: Held,
    shm: PathBuf,
    shm_bytes: i64,
    file_systems: Vec<FileSystemMount>,
}

impl Ground {
    fn of(node: &Node, record: &Record) -> Ground {
        let task = &record.task;
        let sizes = task.containers.iter().map(|container| shm_bytes(&container.docker_config.host_config));
        Ground {
            cgroups: node.cgroups.clone(),
            executable: node.config.executable.clone(),
            task_id: record.id().to_string(),
            limits: TaskLimits { cpus: task.cpu, memory_mib: task.memory },
            held: held(task),
            shm: shm_dir(&node.config.run_dir(), record.id()),
            shm_bytes: sizes.max().unwrap_or_default(),
            file_systems: node
                .file_systems
                .of_task(task, &file_systems::task_dir(&node.config.run_dir(), record.id())),
        }
    }

    fn prepare(&self) -> Result<(), String> {
        let made = self.cgroups.create(&self.task_id, &self.limits);
        made.map_err(|error| errors::resource_initialization(&error))?;
        if !self.held.is_none() && self.cgroups.holder(&self.task_id).is_none() {
            let pid = holder::start(&self.executable, self.held);
            let pid = pid.map_err(|error| errors::resource_initialization(&error))?;
            if let Err(error) = self.cgroups.hold(&self.task_id, pid) {
                // Without its group nobody would find it again.
                holder::end(pid);
                return Err(errors::resource_initialization(&error));
            }
        }
        file_systems::mount_all(&self.file_systems)?;
        if self.held.ipc {
            mount_shm(&self.shm, self.shm_bytes).map_err(|error| errors::resource_initialization(&error))?;
        }
        Ok(())
    }
}

fn mount_shm(dir: &Path, bytes: i64) -> io::Result<()> {
    if dir.exists() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC | MsFlags::MS_NODEV;
    let options = format!("mode=1777,size={bytes}");
    let mounted = mount(Some("shm"), dir, Some("tmpfs"), flags, Some(options.as_str()));
    if mounted.is_err() {
        let _ = fs::remove_dir(dir);
    }
    Ok(mounted?)
}

fn remove_shm(dir: &Path) {
    while umount2(dir, MntFlags::MNT_DETACH).is_ok() {}
    let _ = fs::remove_dir(dir);
}
