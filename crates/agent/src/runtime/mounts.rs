//! What a container sees mounted: the kernel's file systems, tmpfs, and files and volumes of the node. Pure, but for
//! [`flags_of`].

use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wire::link;

const DEFAULT_SHM_BYTES: i64 = 64 << 20;

/// A file or directory of the node in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// The path on the node.
    pub source: PathBuf,
    /// The path in the container.
    pub destination: String,
    /// Whether it cannot be written.
    pub read_only: bool,
}

impl Bind {
    /// As the runtime specification writes it.
    pub fn to_oci(&self) -> Value {
        let access = if self.read_only { "ro" } else { "rw" };
        json!({"destination": self.destination, "type": "bind", "source": self.source,
            "options": ["rbind", "rprivate", access]})
    }
}

/// Tells the runtime what it must keep: crun makes a bind mount with just the flags that it is told, and would open what
/// the node has mounted read-only or without set-uid programs.
pub fn keep_flags(spec: &mut Value, flags_of: impl Fn(&Path) -> Vec<&'static str>) {
    let mounts = spec["mounts"].as_array_mut().into_iter().flatten();
    for mount in mounts.filter(|mount| mount["type"] == "bind") {
        let kept = mount["source"].as_str().map(|source| flags_of(Path::new(source))).unwrap_or_default();
        if let Some(options) = mount["options"].as_array_mut() {
            options.retain(|option| !(option == "rw" && kept.contains(&"ro")));
            options.extend(kept.into_iter().map(Value::from));
        }
    }
}

/// The restrictions under which the node sees a path.
pub fn flags_of(path: &Path) -> Vec<&'static str> {
    let Ok(found) = statvfs(path) else { return Vec::new() };
    let all = [
        (FsFlags::ST_RDONLY, "ro"),
        (FsFlags::ST_NOSUID, "nosuid"),
        (FsFlags::ST_NODEV, "nodev"),
        (FsFlags::ST_NOEXEC, "noexec"),
    ];
    all.into_iter().filter(|(flag, _)| found.flags().contains(*flag)).map(|(_, name)| name).collect()
}

/// Whose /dev/shm a container sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedMemory<'a> {
    /// One of its own.
    Own,
    /// The task's, which is mounted at this directory.
    Task(&'a Path),
    /// The node's.
    Host,
    /// There is none.
    None,
}

/// The file systems that every container has.
pub fn system(host: &link::HostConfig, shared: &SharedMemory<'_>) -> Vec<Value> {
    let access = if host.privileged { "rw" } else { "ro" };
    let mount = |destination: &str, kind: &str, options: &[&str]| json!({"destination": destination, "type": kind, "source": kind, "options": options});
    let mut mounts = vec![
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount(
            "/dev/pts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", access]),
        mount("/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", access]),
    ];
    let bind = |source: &Path, destination: &str| json!({"destination": destination, "type": "bind", "source": source, "options": ["rbind", "rw"]});
    let queues = mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]);
    match shared {
        SharedMemory::Own => {
            let size = format!("size={}", shm_bytes(host));
            let options = ["nosuid", "noexec", "nodev", "mode=1777", &size];
            mounts.extend([queues, mount("/dev/shm", "tmpfs", &options)]);
        }
        SharedMemory::Task(dir) => mounts.extend([queues, bind(dir, "/dev/shm")]),
        SharedMemory::Host => {
            // What is mounted there follows from the IPC namespace, which is the node's.
            mounts.push(queues);
            mounts.push(bind(Path::new("/dev/shm"), "/dev/shm"));
        }
        SharedMemory::None => mounts.push(queues),
    }
    mounts
}

/// The size of a container's /dev/shm.
pub fn shm_bytes(host: &link::HostConfig) -> i64 {
    if host.shm_size > 0 { host.shm_size } else { DEFAULT_SHM_BYTES }
}

/// The tmpfs mounts that the task definition asks for.
pub fn tmpfs(host: &link::HostConfig) -> Vec<Value> {
    let one = |(path, options): (&String, &String)| {
        let given: Vec<&str> = options.split(',').filter(|option| !option.is_empty()).collect();
        let overridden = |default: &&str| !given.contains(&default.trim_start_matches("no"));
        let defaults = ["noexec", "nosuid", "nodev"].into_iter().filter(overridden);
        let options: Vec<&str> = defaults.chain(given.iter().copied()).collect();
        json!({"destination": path, "type": "tmpfs", "source": "tmpfs", "options": options})
    };
    host.tmpfs.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tmpfs_options_override_the_defaults() {
        let host =
            link::HostConfig { tmpfs: [("/t".into(), "size=1m,exec".into())].into(), ..Default::default() };
        assert_eq!(tmpfs(&host)[0]["options"], json!(["nosuid", "nodev", "size=1m", "exec"]));
    }

    #[test]
    fn a_bind_mount_is_no_freer_than_its_source() {
        let options = |mount: &str| json!({"type": mount, "source": "/s", "options": ["rbind", "rw"]});
        let mut spec = json!({"mounts": [options("bind"), options("tmpfs")]});
        keep_flags(&mut spec, |_| vec!["ro", "nosuid"]);
        assert_eq!(spec["mounts"][0]["options"], json!(["rbind", "ro", "nosuid"]));
        assert_eq!(spec["mounts"][1]["options"], json!(["rbind", "rw"]));
    }

    #[test]
    fn shared_memory_has_dockers_size() {
        let mounts = system(&link::HostConfig::default(), &SharedMemory::Own);
        let shm = mounts.iter().find(|mount| mount["destination"] == "/dev/shm").unwrap();
        assert_eq!(shm["options"][4], "size=67108864");
    }
}
