//! The Docker documents of a container: the settings that ECS ships in Docker's own form.

use std::collections::BTreeMap;

use model::ecs::container_definition::{ContainerDefinition, HealthCheck, LogDriver};
use model::ecs::linux::{Device, DevicePermission, LinuxParameters, Tmpfs};
use model::ecs::task_definition::NetworkMode;
use model::ecs::{ContainerOverride, Task};
use wire::link;

use super::Surroundings;

const MIB: i64 = 1024 * 1024;
const NANOS: i64 = 1_000_000_000;

/// Both documents.
pub fn config(
    task: &Task,
    definition: &ContainerDefinition,
    changes: Option<&ContainerOverride>,
    around: &Surroundings,
) -> link::DockerConfig {
    link::DockerConfig {
        version: "1.19".into(),
        config: container_config(task, definition),
        host_config: host_config(task, definition, changes, around),
    }
}

fn container_config(task: &Task, definition: &ContainerDefinition) -> link::ContainerConfig {
    link::ContainerConfig {
        hostname: definition.hostname.clone().unwrap_or_default(),
        user: definition.user.clone().unwrap_or_default(),
        working_dir: definition.working_directory.clone().unwrap_or_default(),
        labels: labels(task, definition),
        tty: definition.pseudo_terminal.unwrap_or(false),
        open_stdin: definition.interactive.unwrap_or(false),
        healthcheck: definition.health_check.as_ref().map(health_check),
    }
}

/// The user's labels and the five that the ECS agent adds.
fn labels(task: &Task, definition: &ContainerDefinition) -> BTreeMap<String, String> {
    let mut labels = definition.docker_labels.clone().unwrap_or_default();
    let own = [
        ("cluster", task.cluster.arn(&task.scope).to_string()),
        ("container-name", definition.name.to_string()),
        ("task-arn", task.arn().to_string()),
        ("task-definition-family", task.spec.definition.family.to_string()),
        ("task-definition-version", task.spec.definition.revision.to_string()),
    ];
    labels.extend(own.map(|(name, value)| (format!("com.amazonaws.ecs.{name}"), value)));
    labels
}

/// ECS's defaults: interval 30 s, timeout 5 s, 3 retries, no start period.
fn health_check(check: &HealthCheck) -> link::HealthCheck {
    let nanos = |seconds: Option<u32>, default: i64| seconds.map_or(default, i64::from) * NANOS;
    link::HealthCheck {
        test: check.command.clone(),
        interval: nanos(check.interval, 30),
        timeout: nanos(check.timeout, 5),
        start_period: nanos(check.start_period, 0),
        retries: check.retries.map_or(3, i64::from),
    }
}

fn host_config(
    task: &Task,
    definition: &ContainerDefinition,
    changes: Option<&ContainerOverride>,
    around: &Surroundings,
) -> link::HostConfig {
    let none = LinuxParameters::default();
    let linux = definition.linux_parameters.as_ref().unwrap_or(&none);
    let capabilities = linux.capabilities.clone().unwrap_or_default();
    let memory = changes.and_then(|o| o.memory).or(definition.memory);
    let reservation = changes.and_then(|o| o.memory_reservation).or(definition.memory_reservation);
    let hosts = definition.extra_hosts.iter().flatten();
    let ulimits = definition.ulimits.iter().flatten();
    link::HostConfig {
        log_config: log_config(definition, around.log_mode.as_deref()),
        network_mode: network_mode(task, definition),
        cap_add: capabilities.add.unwrap_or_default(),
        cap_drop: capabilities.drop.unwrap_or_default(),
        privileged: definition.privileged.unwrap_or(false),
        readonly_rootfs: definition.readonly_root_filesystem.unwrap_or(false),
        dns: definition.dns_servers.clone().unwrap_or_default(),
        dns_search: definition.dns_search_domains.clone().unwrap_or_default(),
        extra_hosts: hosts.map(|h| format!("{}:{}", h.hostname, h.ip_address)).collect(),
        security_opt: definition.docker_security_options.clone().unwrap_or_default(),
        ulimits: ulimits
            .map(|u| link::Ulimit {
                name: u.name.to_string(),
                soft: u.soft_limit.into(),
                hard: u.hard_limit.into(),
            })
            .collect(),
        sysctls: definition.system_controls.iter().map(|c| (c.namespace.clone(), c.value.clone())).collect(),
        devices: linux.devices.iter().flatten().map(device).collect(),
        tmpfs: linux.tmpfs.iter().flatten().map(tmpfs).collect(),
        shm_size: linux.shared_memory_size.map_or(0, |mib| i64::from(mib) * MIB),
        init: linux.init_process_enabled,
        memory_reservation: reservation.map_or(0, |mib| i64::from(mib) * MIB),
        memory_swap: memory_swap(memory, linux),
        memory_swappiness: linux.swappiness.map(i64::from),
    }
}

/// Memory and swap together. ECS gives a container no swap unless `maxSwap` says so
/// ("if maxSwap is omitted, the container uses the swap configuration of the instance").
fn memory_swap(memory: Option<u32>, linux: &LinuxParameters) -> i64 {
    match (memory, linux.max_swap) {
        (Some(memory), Some(swap)) => (i64::from(memory) + i64::from(swap)) * MIB,
        (_, None) | (None, Some(_)) => 0,
    }
}

/// The user's options; a driver has a mode even where none is named. Not so `json-file`, which nobody waits for, and
/// `awsfirelens`, whose options are the router's.
fn log_config(definition: &ContainerDefinition, mode: Option<&str>) -> link::LogConfig {
    let Some(log) = &definition.log_configuration else {
        return link::LogConfig { driver: LogDriver::JsonFile.to_string(), config: BTreeMap::new() };
    };
    let mut config = log.options.clone().unwrap_or_default();
    let has_mode = !matches!(log.log_driver, LogDriver::JsonFile | LogDriver::Awsfirelens);
    if let Some(mode) = mode.filter(|_| has_mode) {
        config.entry("mode".to_owned()).or_insert_with(|| mode.to_owned());
    }
    link::LogConfig { driver: log.log_driver.to_string(), config }
}

fn network_mode(task: &Task, definition: &ContainerDefinition) -> String {
    if definition.disable_networking == Some(true) {
        return NetworkMode::None.to_string();
    }
    match task.spec.network_mode {
        // The task's own namespace: the node joins the container to it.
        NetworkMode::Awsvpc => String::new(),
        mode @ (NetworkMode::Bridge | NetworkMode::Host | NetworkMode::None) => mode.to_string(),
    }
}

fn device(device: &Device) -> link::Device {
    let letter = |permission: &DevicePermission| match permission {
        DevicePermission::Read => 'r',
        DevicePermission::Write => 'w',
        DevicePermission::Mknod => 'm',
    };
    let permissions = device.permissions.as_ref().map(|all| all.iter().map(letter).collect());
    link::Device {
        path_on_host: device.host_path.clone(),
        path_in_container: device.container_path.clone().unwrap_or_else(|| device.host_path.clone()),
        cgroup_permissions: permissions.unwrap_or_else(|| "rwm".into()),
    }
}

fn tmpfs(mount: &Tmpfs) -> (String, String) {
    let mut options = mount.mount_options.clone().unwrap_or_default();
    options.push(format!("size={}m", mount.size));
    (mount.container_path.clone(), options.join(","))
}
