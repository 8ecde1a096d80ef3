//! What keeps a task definition off Fargate.
//!
//! The first obstacle is the error when the definition requires Fargate; otherwise it only
//! means that FARGATE is not among the definition's compatibilities.

use model::ecs::ContainerDefinition;
use model::ecs::container_definition::LogDriver;
use model::ecs::linux::LinuxParameters;
use model::ecs::task_definition::{IpcMode, NetworkMode, PidMode, TaskDefinitionSpec};
use model::ecs::volume::VolumeSource;

use super::{firelens, logging, size};
use crate::ecs::error::Error;

/// The longest time between SIGTERM and SIGKILL on Fargate, in seconds.
const MAX_STOP_TIMEOUT: u32 = 120;

/// The first obstacle, if there is one.
pub(crate) fn check(spec: &TaskDefinitionSpec) -> Result<(), Error> {
    if spec.network_mode != Some(NetworkMode::Awsvpc) {
        return Err(Error::Client("Fargate only supports network mode ‘awsvpc’.".into()));
    }
    let level =
        |what: &str| Error::Client(format!("Fargate requires that '{what}' be defined at the task level."));
    let cpu = spec.cpu.ok_or_else(|| level("cpu"))?;
    let memory = spec.memory.ok_or_else(|| level("memory"))?;
    size::check_fargate(cpu, memory)?;
    if spec.ipc_mode.is_some_and(|mode| mode != IpcMode::None) {
        return Err(Error::Client("Tasks using the Fargate launch type do not support ipcMode.".into()));
    }
    if spec.pid_mode == Some(PidMode::Host) {
        return Err(Error::Client(
            "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'.".into(),
        ));
    }
    if !spec.placement_constraints.is_empty() {
        return Err(unsupported("placementConstraints"));
    }
    for volume in &spec.volumes {
        match &volume.source {
            VolumeSource::Scratch | VolumeSource::Efs(_) => {}
            VolumeSource::Host(host) if host.source_path.is_none() => {}
            VolumeSource::Host(_) => return Err(unsupported("sourcePath")),
            VolumeSource::Docker(_) => return Err(unsupported("dockerVolumeConfiguration")),
        }
    }
    let s3 = |container: &ContainerDefinition| {
        let options = container.firelens_configuration.as_ref()?.options.as_ref()?;
        options.get(firelens::FILE_TYPE).filter(|kind| *kind == "s3").map(drop)
    };
    if spec.container_definitions.iter().any(|container| s3(container).is_some()) {
        return Err(unsupported("the FireLens configuration file type 's3'"));
    }
    spec.container_definitions.iter().try_for_each(|container| check_container(spec, container))
}

fn unsupported(what: &str) -> Error {
    Error::Client(format!("Fargate compatible task definitions do not support {what}"))
}

fn check_container(spec: &TaskDefinitionSpec, container: &ContainerDefinition) -> Result<(), Error> {
    let given = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let obstacles = [
        (container.privileged == Some(true), "privileged"),
        (given(&container.links), "links"),
        (given(&container.dns_servers), "dnsServers"),
        (given(&container.dns_search_domains), "dnsSearchDomains"),
        (container.extra_hosts.as_ref().is_some_and(|hosts| !hosts.is_empty()), "extraHosts"),
        (given(&container.docker_security_options), "dockerSecurityOptions"),
        (container.disable_networking == Some(true), "disableNetworking"),
    ];
    if let Some((_, what)) = obstacles.iter().find(|(found, _)| *found) {
        return Err(unsupported(what));
    }
    if let Some(parameters) = &container.linux_parameters {
        check_linux(parameters)?;
    }
    if container.stop_timeout.is_some_and(|seconds| seconds > MAX_STOP_TIMEOUT) {
        let why = "Fargate waits at most 120 seconds.";
        return Err(Error::container_setting_because("stopTimeout", &container.name, why));
    }
    check_logs_and_role(spec, container)
}

fn check_linux(parameters: &LinuxParameters) -> Result<(), Error> {
    let obstacles = [
        (parameters.devices.as_ref().is_some_and(|devices| !devices.is_empty()), "devices"),
        (parameters.shared_memory_size.is_some(), "sharedMemorySize"),
        (parameters.max_swap.is_some(), "maxSwap"),
        (parameters.swappiness.is_some(), "swappiness"),
    ];
    if let Some((_, what)) = obstacles.iter().find(|(found, _)| *found) {
        return Err(unsupported(what));
    }
    let added = parameters.capabilities.iter().flat_map(|capabilities| &capabilities.add).flatten();
    match added.into_iter().find(|name| *name != "SYS_PTRACE") {
        Some(name) => Err(unsupported(&format!("adding the capability {name}"))),
        None => Ok(()),
    }
}

/// Fargate itself pulls and logs: it needs a role to do it with, and has few drivers.
fn check_logs_and_role(spec: &TaskDefinitionSpec, container: &ContainerDefinition) -> Result<(), Error> {
    let logs = container.log_configuration.as_ref();
    if let Some(logs) = logs {
        match logs.log_driver {
            LogDriver::Awslogs => logging::require(logs, &["awslogs-stream-prefix"])?,
            LogDriver::Splunk | LogDriver::Awsfirelens => {}
            LogDriver::JsonFile
            | LogDriver::Syslog
            | LogDriver::Journald
            | LogDriver::Gelf
            | LogDriver::Fluentd => return Err(unsupported(&format!("log driver {}", logs.log_driver))),
        }
    }
    if spec.execution_role_arn.is_some() {
        return Ok(());
    }
    let needs = |what: &str| {
        Err(Error::Client(format!(
            "Fargate requires task definition to have execution role ARN to support {what}."
        )))
    };
    if is_ecr_image(&container.image) {
        return needs("ECR images");
    }
    match logs {
        Some(logs) => needs(&format!("log driver {}", logs.log_driver)),
        None => Ok(()),
    }
}

/// Whether the image is in a private ECR repository: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/…`.
pub(crate) fn is_ecr_image(image: &str) -> bool {
    let host = image.split('/').next().unwrap_or_default();
    host.contains(".dkr.ecr.") && host.ends_with(".amazonaws.com")
}

#[cfg(test)]
mod tests {
    use model::ecs::container_definition::LogConfiguration;
    use model::ecs::volume::{HostVolume, Volume};

    use super::*;
    use crate::ecs::rules::sample;

    fn check(change: impl FnOnce(&mut TaskDefinitionSpec), expected: &str) {
        let mut spec = sample::spec();
        change(&mut spec);
        let found = super::check(&spec).err().map(|error| error.to_string());
        assert_eq!(found.unwrap_or_default(), expected);
    }

    #[test]
    fn sizes_are_at_the_task_level() {
        check(|_| {}, "");
        check(|s| s.network_mode = None, "Fargate only supports network mode ‘awsvpc’.");
        check(|s| s.cpu = None, "Fargate requires that 'cpu' be defined at the task level.");
        check(|s| s.memory = None, "Fargate requires that 'memory' be defined at the task level.");
        check(
            |s| (s.cpu, s.memory) = (Some(512), Some(512)),
            "No Fargate configuration exists for given values: 512 CPU, 512 memory. See the Amazon ECS documentation \
             for the valid values.",
        );
    }

    #[test]
    fn the_host_is_out_of_reach() {
        check(
            |s| s.ipc_mode = Some(IpcMode::Host),
            "Tasks using the Fargate launch type do not support ipcMode.",
        );
        check(
            |s| s.container_definitions[0].privileged = Some(true),
            "Fargate compatible task definitions do not support privileged",
        );
        let host = VolumeSource::Host(HostVolume { source_path: Some("/var".into()) });
        check(
            |s| s.volumes = vec![Volume { name: "v".into(), source: host }],
            "Fargate compatible task definitions do not support sourcePath",
        );
    }

    #[test]
    fn ecr_and_awslogs_need_an_execution_role() {
        check(
            |s| s.container_definitions[0].image = "123456789012.dkr.ecr.us-east-2.amazonaws.com/web".into(),
            "Fargate requires task definition to have execution role ARN to support ECR images.",
        );
        let options = [("awslogs-region", "r"), ("awslogs-group", "g"), ("awslogs-stream-prefix", "p")];
        let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let logs = |options| LogConfiguration {
            log_driver: LogDriver::Awslogs,
            options: Some(options),
            secret_options: None,
        };
        let complete = logs(options.clone().into());
        check(
            |s| s.container_definitions[0].log_configuration = Some(complete),
            "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
        );
        let without_prefix = logs(options[..2].iter().cloned().collect());
        check(
            |s| s.container_definitions[0].log_configuration = Some(without_prefix),
            "Log driver awslogs requires options: awslogs-stream-prefix",
        );
    }
}
