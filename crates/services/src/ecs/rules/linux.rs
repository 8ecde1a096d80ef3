//! Capabilities, devices, limits and kernel parameters of a container.

use std::collections::BTreeSet;

use model::ecs::ContainerDefinition;
use model::ecs::linux::{LinuxParameters, Tmpfs, Ulimit};

use crate::ecs::error::Error;

/// The capabilities that ECS takes, by Docker's names.
#[rustfmt::skip]
const CAPABILITIES: [&str; 42] = [
    "ALL", "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN",
    "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE",
    "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST",
    "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT",
    "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME",
    "SYS_TTY_CONFIG", "WAKE_ALARM",
];

/// The options that a tmpfs mount takes, without their values.
#[rustfmt::skip]
const TMPFS_OPTIONS: [&str; 39] = [
    "defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync",
    "remount", "mand", "nomand", "atime", "noatime", "diratime", "nodiratime", "bind", "rbind", "unbindable",
    "runbindable", "private", "rprivate", "shared", "rshared", "slave", "rslave", "relatime", "norelatime",
    "strictatime", "nostrictatime", "mode", "uid", "gid", "nr_inodes", "nr_blocks",
    "mpol",
];

/// Kernel parameters of the IPC namespace, beside `fs.mqueue.*`.
#[rustfmt::skip]
const IPC_SYSCTLS: [&str; 8] = [
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
    "kernel.shmmni", "kernel.shm_rmid_forced",
];

/// Whether a kernel parameter belongs to the IPC namespace.
pub(crate) fn is_ipc_sysctl(name: &str) -> bool {
    IPC_SYSCTLS.contains(&name) || name.starts_with("fs.mqueue.")
}

/// Checks what faces the kernel.
pub(crate) fn check(container: &ContainerDefinition) -> Result<(), Error> {
    if let Some(parameters) = &container.linux_parameters {
        check_parameters(container, parameters)?;
    }
    let mut names = BTreeSet::new();
    for limit in container.ulimits.iter().flatten() {
        if !names.insert(limit.name) || !is_sound(limit) {
            return Err(Error::container_setting("ulimits", &container.name));
        }
    }
    for control in &container.system_controls {
        let namespaced = is_ipc_sysctl(&control.namespace) || control.namespace.starts_with("net.");
        if !namespaced {
            return Err(Error::container_setting("systemControls", &container.name));
        }
    }
    Ok(())
}

/// The soft limit is not above the hard one; -1 is above everything.
fn is_sound(limit: &Ulimit) -> bool {
    let height = |value: i32| if value == -1 { i64::from(i32::MAX) + 1 } else { i64::from(value) };
    limit.soft_limit >= -1 && limit.hard_limit >= -1 && height(limit.soft_limit) <= height(limit.hard_limit)
}

fn check_parameters(container: &ContainerDefinition, parameters: &LinuxParameters) -> Result<(), Error> {
    let refuse =
        |member: &str| Err(Error::container_setting(&format!("linuxParameters.{member}"), &container.name));
    if let Some(capabilities) = &parameters.capabilities {
        let mut all = capabilities.add.iter().chain(&capabilities.drop).flatten();
        if !all.all(|name| CAPABILITIES.contains(&name.as_str())) {
            return refuse("capabilities");
        }
    }
    for device in parameters.devices.iter().flatten() {
        let absolute = |path: &str| path.starts_with('/');
        if !absolute(&device.host_path) || !device.container_path.as_deref().is_none_or(absolute) {
            return refuse("devices");
        }
    }
    if !parameters.tmpfs.iter().flatten().all(is_mountable) {
        return refuse("tmpfs");
    }
    if parameters.shared_memory_size == Some(0) {
        return refuse("sharedMemorySize");
    }
    if parameters.swappiness.is_some_and(|swappiness| swappiness > 100) {
        return refuse("swappiness");
    }
    Ok(())
}

fn is_mountable(tmpfs: &Tmpfs) -> bool {
    let known = |option: &String| {
        let name = option.split_once('=').map_or(option.as_str(), |(name, _)| name);
        TMPFS_OPTIONS.contains(&name)
    };
    tmpfs.container_path.starts_with('/') && tmpfs.size > 0 && tmpfs.mount_options.iter().flatten().all(known)
}

#[cfg(test)]
mod tests {
    use model::ecs::linux::{KernelCapabilities, SystemControl, UlimitName};

    use super::*;
    use crate::ecs::rules::sample;

    fn check(change: impl FnOnce(&mut ContainerDefinition), refused: Option<&str>) {
        let mut container = sample::container("web");
        change(&mut container);
        let expected = refused.map(|member| format!("Invalid '{member}' setting for container 'web'."));
        assert_eq!(super::check(&container).err().map(|error| error.to_string()), expected);
    }

    #[test]
    fn a_soft_limit_is_not_above_the_hard_one() {
        let limit = |soft_limit, hard_limit| Ulimit { name: UlimitName::Nofile, soft_limit, hard_limit };
        for (soft, hard) in [(1, 1), (1, -1), (-1, -1), (0, 5)] {
            check(|c| c.ulimits = Some(vec![limit(soft, hard)]), None);
        }
        for (soft, hard) in [(2, 1), (-1, 1), (-2, 1)] {
            check(|c| c.ulimits = Some(vec![limit(soft, hard)]), Some("ulimits"));
        }
        check(|c| c.ulimits = Some(vec![limit(1, 1), limit(1, 1)]), Some("ulimits"));
    }

    #[test]
    fn only_namespaced_kernel_parameters_are_taken() {
        let control = |namespace: &str| SystemControl { namespace: namespace.into(), value: "1".into() };
        for good in ["net.core.somaxconn", "kernel.shmmax", "fs.mqueue.msg_max"] {
            check(|c| c.system_controls = vec![control(good)], None);
        }
        for bad in ["vm.swappiness", "kernel.panic", ""] {
            check(|c| c.system_controls = vec![control(bad)], Some("systemControls"));
        }
    }

    #[test]
    fn capabilities_are_known_by_dockers_names() {
        let with = |name: &str| LinuxParameters {
            capabilities: Some(KernelCapabilities { add: Some(vec![name.into()]), drop: None }),
            ..LinuxParameters::default()
        };
        check(|c| c.linux_parameters = Some(with("SYS_PTRACE")), None);
        check(|c| c.linux_parameters = Some(with("WAKE_ALARM")), None);
        check(|c| c.linux_parameters = Some(with("CAP_CHOWN")), Some("linuxParameters.capabilities"));
    }

    #[test]
    fn a_tmpfs_has_a_path_a_size_and_known_options() {
        let with = |path: &str, size, option: &str| LinuxParameters {
            tmpfs: Some(vec![Tmpfs {
                container_path: path.into(),
                size,
                mount_options: Some(vec![option.into()]),
            }]),
            ..LinuxParameters::default()
        };
        check(|c| c.linux_parameters = Some(with("/run", 64, "mode=1777")), None);
        for bad in [with("run", 64, "ro"), with("/run", 0, "ro"), with("/run", 64, "fast")] {
            check(|c| c.linux_parameters = Some(bad), Some("linuxParameters.tmpfs"));
        }
    }
}
