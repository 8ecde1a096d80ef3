//! What the machine must offer before a node is started. Each refusal says what to do.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

/// The file systems that the kernel knows.
const FILE_SYSTEMS: &str = "/proc/filesystems";

/// Checks rights and kernel for running containers.
///
/// containerd, the OCI runtime and the rest are looked for where they are used.
pub fn check_node() -> Result<()> {
    if !nix::unistd::geteuid().is_root() {
        bail!(
            "running containers needs root: start longshore as root (for example with sudo), or serve the API \
             alone with --no-node"
        );
    }
    for (name, what) in
        [("net", "network namespaces"), ("pid", "process namespaces"), ("mnt", "mount namespaces")]
    {
        if !Path::new("/proc/self/ns").join(name).exists() {
            bail!("this kernel has no {what}: use one with CONFIG_NAMESPACES (every Debian kernel has it)");
        }
    }
    if !Path::new("/sys/fs/cgroup").read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("/sys/fs/cgroup is empty: mount control groups there (mount -t cgroup2 none /sys/fs/cgroup)");
    }
    if !knows(&fs::read_to_string(FILE_SYSTEMS).unwrap_or_default(), "overlay") {
        tracing::warn!(
            "the kernel offers no overlayfs yet: containerd will try to load it (modprobe overlay)"
        );
    }
    Ok(())
}

/// Whether a list in the form of `/proc/filesystems` has `name`.
fn knows(list: &str, name: &str) -> bool {
    list.lines().any(|line| line.split_whitespace().next_back() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_found_with_and_without_devices() {
        let list = "nodev\tsysfs\nnodev\toverlay\n\text4\n";
        assert!(knows(list, "overlay") && knows(list, "ext4"));
        assert!(!knows(list, "over") && !knows("", "overlay"));
    }
}
