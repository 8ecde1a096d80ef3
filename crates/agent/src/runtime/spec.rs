//! The OCI runtime specification of a container, confined as Docker's default. Pure, but for device
//! numbers, which the caller looks up.

use std::path::{Path, PathBuf};

use oci_spec::image::Config;
use serde_json::{Map, Value, json};
use wire::link;

use super::capabilities;
use super::mounts::{self, Bind};
use super::process;
use super::seccomp;
use super::user::User;

const MASKED: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
/// Fargate's limit of open files; without it a container would have the daemon's.
pub const OPEN_FILES: u64 = 65_535;
/// Where an init process appears in the container, as Docker has it.
pub const INIT_PATH: &str = "/sbin/docker-init";

/// What a specification is made of.
pub struct SpecInput<'a> {
    /// The task.
    pub task: &'a link::Task,
    /// The container.
    pub container: &'a link::Container,
    /// The image's configuration.
    pub image: &'a Config,
    /// The container's host name.
    pub hostname: &'a str,
    /// Who runs.
    pub user: &'a User,
    /// Variables that the platform adds.
    pub platform: &'a [(String, String)],
    /// The network namespace; `None` is the host's.
    pub netns: Option<&'a Path>,
    /// The process that holds the namespaces which the task's containers share.
    pub holder: Option<u32>,
    /// The directory that stands for /dev/shm where the task shares it.
    pub shm: Option<&'a Path>,
    /// Where the container's control group is.
    pub cgroups_path: &'a str,
    /// Whether the kernel has cgroup v2 only.
    pub cgroup_v2: bool,
    /// Files and volumes of the node.
    pub binds: &'a [Bind],
    /// Devices given to the container.
    pub devices: &'a [Device],
    /// Whether an init process at [`INIT_PATH`] is to reap.
    pub init: bool,
    /// The capabilities that the node can give, a bit each.
    pub capabilities: u64,
    /// The limit of open files where the task definition names none: [`OPEN_FILES`], or what the node allows.
    pub open_files: u64,
}

/// A device of the node in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Where it appears.
    pub path: PathBuf,
    /// `c` or `b`.
    pub kind: char,
    /// The major number.
    pub major: u64,
    /// The minor number.
    pub minor: u64,
    /// The permission bits.
    pub mode: u32,
    /// Of `r`, `w` and `m`.
    pub access: String,
}

/// Why no specification can be made; the text is Docker's, which ECS shows.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither image nor task definition says what to run.
    #[error("No command specified")]
    NoCommand,
    /// A resource limit has no such name.
    #[error("invalid ulimit type: {0}")]
    Ulimit(String),
}

/// Builds the specification.
pub fn build(input: &SpecInput<'_>) -> Result<Value, Error> {
    let host = &input.container.docker_config.host_config;
    let granted = capabilities::granted(host.privileged, &host.cap_add, &host.cap_drop, input.capabilities);
    let mut linux = linux(input);
    if !host.privileged {
        linux["maskedPaths"] = json!(MASKED);
        linux["readonlyPaths"] = json!(READ_ONLY);
        if !security_option(host, &["seccomp=unconfined", "seccomp:unconfined"]) {
            linux["seccomp"] = seccomp::profile(&granted);
        }
    }
    let ipc = match (input.task.ipc_mode.as_deref(), input.shm) {
        (Some("host"), _) => mounts::SharedMemory::Host,
        (Some("none"), _) => mounts::SharedMemory::None,
        (_, Some(dir)) => mounts::SharedMemory::Task(dir),
        (_, None) => mounts::SharedMemory::Own,
    };
    let mut mounts = mounts::system(host, &ipc);
    mounts.extend(mounts::tmpfs(host));
    mounts.extend(input.binds.iter().map(Bind::to_oci));
    // A mount below another must come later, or it would be hidden.
    mounts.sort_by_key(|mount| {
        mount["destination"].as_str().map_or(0, |path| Path::new(path).components().count())
    });
    Ok(json!({
        "ociVersion": "1.0.2",
        "process": process_of(input, &granted)?,
        "root": {"path": "rootfs", "readonly": host.readonly_rootfs},
        "hostname": input.hostname,
        "mounts": mounts,
        "linux": linux,
    }))
}

fn process_of(input: &SpecInput<'_>, granted: &[&str]) -> Result<Value, Error> {
    let (config, host) = (&input.container.docker_config.config, &input.container.docker_config.host_config);
    let mut arguments = process::arguments(input.container, input.image);
    if arguments.is_empty() {
        return Err(Error::NoCommand);
    }
    if input.init {
        arguments.splice(0..0, [INIT_PATH.to_string(), "--".to_string()]);
    }
    let home = input.user.home.as_deref();
    // For other users the kernel clears these at execve; saying so makes it visible in the file too.
    let held: &[&str] = if input.user.uid == 0 { granted } else { &[] };
    let mut value = json!({
        "terminal": config.tty,
        "user": {"uid": input.user.uid, "gid": input.user.gid, "additionalGids": input.user.groups},
        "args": arguments,
        "env": process::environment(input.container, input.image, input.hostname, input.platform, home),
        "cwd": process::working_dir(input.container, input.image),
        "capabilities": {"bounding": granted, "effective": held, "permitted": held, "inheritable": []},
        "rlimits": rlimits(&host.ulimits, input.open_files)?,
        "noNewPrivileges": security_option(host, &["no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"]),
        "oomScoreAdj": 0,
    });
    let profile =
        host.security_opt.iter().find_map(|o| o.strip_prefix("apparmor:").or(o.strip_prefix("apparmor=")));
    if let Some(profile) = profile {
        value["apparmorProfile"] = json!(profile);
    }
    Ok(value)
}

fn security_option(host: &link::HostConfig, spellings: &[&str]) -> bool {
    host.security_opt.iter().any(|option| spellings.contains(&option.as_str()))
}

fn rlimits(ulimits: &[link::Ulimit], open_files: u64) -> Result<Vec<Value>, Error> {
    const NAMES: [&str; 15] = [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];
    let limit = |name: &str, soft: u64, hard: u64| json!({"type": format!("RLIMIT_{}", name.to_uppercase()), "soft": soft, "hard": hard});
    let mut limits = Vec::new();
    if !ulimits.iter().any(|ulimit| ulimit.name == "nofile") {
        limits.push(limit("nofile", open_files, open_files));
    }
    for ulimit in ulimits {
        if !NAMES.contains(&ulimit.name.as_str()) {
            return Err(Error::Ulimit(ulimit.name.clone()));
        }
        // -1 is "unlimited", which the specification writes as the largest number.
        limits.push(limit(&ulimit.name, ulimit.soft as u64, ulimit.hard as u64));
    }
    Ok(limits)
}

fn linux(input: &SpecInput<'_>) -> Value {
    let host = &input.container.docker_config.host_config;
    let mut namespaces = vec![json!({"type": "mount"}), json!({"type": "uts"})];
    if let Some(path) = input.netns {
        namespaces.push(json!({"type": "network", "path": path}));
    }
    for (kind, mode) in [("pid", input.task.pid_mode.as_deref()), ("ipc", input.task.ipc_mode.as_deref())] {
        match (mode, input.holder) {
            (Some("host"), _) => {}
            (Some("task"), Some(holder)) => {
                namespaces.push(json!({"type": kind, "path": format!("/proc/{holder}/ns/{kind}")}));
            }
            _ => namespaces.push(json!({"type": kind})),
        }
    }
    if input.cgroup_v2 {
        namespaces.push(json!({"type": "cgroup"}));
    }
    json!({
        "namespaces": namespaces,
        "cgroupsPath": input.cgroups_path,
        "resources": resources(input),
        "devices": input.devices.iter().map(device).collect::<Vec<_>>(),
        "sysctl": sysctls(host, input.netns.is_some()),
        "rootfsPropagation": "private",
    })
}

fn device(device: &Device) -> Value {
    json!({"path": device.path, "type": device.kind.to_string(), "major": device.major, "minor": device.minor,
        "fileMode": device.mode & 0o7777, "uid": 0, "gid": 0})
}

/// Docker's defaults for a namespace of its own, and what the task definition sets.
fn sysctls(host: &link::HostConfig, own_network: bool) -> Map<String, Value> {
    let mut values = Map::new();
    if own_network && !host.privileged {
        values.insert("net.ipv4.ip_unprivileged_port_start".into(), json!("0"));
        values.insert("net.ipv4.ping_group_range".into(), json!("0 2147483647"));
    }
    values.extend(host.sysctls.iter().map(|(name, value)| (name.clone(), json!(value))));
    values
}

fn resources(input: &SpecInput<'_>) -> Value {
    let (container, host) = (input.container, &input.container.docker_config.host_config);
    let mut memory = Map::new();
    if container.memory > 0 {
        memory.insert("limit".into(), json!(container.memory << 20));
    }
    if host.memory_reservation > 0 {
        memory.insert("reservation".into(), json!(host.memory_reservation));
    }
    if host.memory_swap != 0 {
        memory.insert("swap".into(), json!(host.memory_swap));
    }
    if let Some(swappiness) = host.memory_swappiness.filter(|_| !input.cgroup_v2) {
        memory.insert("swappiness".into(), json!(swappiness));
    }
    let mut rules = vec![json!({"allow": host.privileged, "access": "rwm"})];
    rules.extend(input.devices.iter().map(|device| {
        json!({"allow": true, "type": device.kind.to_string(), "major": device.major, "minor": device.minor,
            "access": device.access})
    }));
    // ECS: no share is the kernel's least, so that containers without one give way.
    let shares = container.cpu.clamp(2, 262_144);
    json!({"devices": rules, "memory": memory, "cpu": {"shares": shares}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> link::Task {
        serde_json::from_value(json!({"arn": "a", "family": "f", "version": "1", "desiredStatus": "RUNNING",
            "taskDefinitionAccountId": "1", "launchType": "FARGATE", "networkMode": "awsvpc", "containers": []}))
        .unwrap()
    }

    fn check(edit: impl FnOnce(&mut link::Container), judge: impl FnOnce(Value)) {
        let mut container = link::Container { command: Some(vec!["x".into()]), ..Default::default() };
        edit(&mut container);
        let (task, image, user) = (task(), Config::default(), User::default());
        let input = SpecInput {
            task: &task,
            container: &container,
            image: &image,
            hostname: "h",
            user: &user,
            platform: &[],
            netns: Some(Path::new("/run/netns/x")),
            holder: None,
            shm: None,
            cgroups_path: "/l/t/c",
            cgroup_v2: false,
            binds: &[],
            devices: &[],
            init: false,
            capabilities: u64::MAX,
            open_files: OPEN_FILES,
        };
        judge(build(&input).unwrap());
    }

    #[test]
    fn a_container_is_confined_by_default() {
        check(
            |_| {},
            |spec| {
                assert_eq!(spec["linux"]["seccomp"]["defaultAction"], "SCMP_ACT_ERRNO");
                assert_eq!(spec["process"]["capabilities"]["bounding"].as_array().unwrap().len(), 14);
                assert_eq!(spec["linux"]["resources"]["devices"][0]["allow"], false);
                assert_eq!(spec["linux"]["maskedPaths"].as_array().unwrap().len(), 12);
                assert_eq!(spec["process"]["rlimits"][0]["hard"], 65_535);
            },
        );
    }

    #[test]
    fn privileged_lifts_the_confinement() {
        check(
            |c| c.docker_config.host_config.privileged = true,
            |spec| {
                assert!(spec["linux"].get("seccomp").is_none() && spec["linux"].get("maskedPaths").is_none());
                assert_eq!(spec["linux"]["resources"]["devices"][0]["allow"], true);
            },
        );
    }

    #[test]
    fn limits_are_in_bytes_and_unlimited_is_the_largest_number() {
        check(
            |c| {
                c.memory = 64;
                c.cpu = 0;
                c.docker_config.host_config.ulimits =
                    vec![link::Ulimit { name: "memlock".into(), soft: -1, hard: -1 }];
            },
            |spec| {
                assert_eq!(spec["linux"]["resources"]["memory"]["limit"], 67_108_864);
                assert_eq!(spec["linux"]["resources"]["cpu"]["shares"], 2);
                assert_eq!(spec["process"]["rlimits"][1]["hard"], u64::MAX);
            },
        );
    }
}
