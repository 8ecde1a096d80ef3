//! What a container sees mounted: the kernel's file systems, tmpfs, and files and volumes of the node. Pure.

use std::path::PathBuf;

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

/// The file systems that every container has.
pub fn system(host: &link::HostConfig, host_ipc: bool) -> Vec<Value> {
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
    if host_ipc {
        mounts.push(json!({"destination": "/dev/shm", "type": "bind", "source": "/dev/shm", "options": ["rbind", "rw"]}));
        mounts.push(json!({"destination": "/dev/mqueue", "type": "bind", "source": "/dev/mqueue", "options": ["rbind", "rw"]}));
    } else {
        let bytes = if host.shm_size > 0 { host.shm_size } else { DEFAULT_SHM_BYTES };
        mounts.push(mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]));
        mounts.push(mount(
            "/dev/shm",
            "tmpfs",
            &["nosuid", "noexec", "nodev", "mode=1777", &format!("size={bytes}")],
        ));
    }
    mounts
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
    fn shared_memory_has_dockers_size() {
        let mounts = system(&link::HostConfig::default(), false);
        let shm = mounts.iter().find(|mount| mount["destination"] == "/dev/shm").unwrap();
        assert_eq!(shm["options"][4], "size=67108864");
    }
}
