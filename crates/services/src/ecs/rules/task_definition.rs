//! A whole task definition: the order of the checks, and what the task level must be.

use model::ecs::task_definition::{Compatibility, NetworkMode, OsFamily, TaskDefinitionSpec};
use model::ecs::{ContainerDefinition, Family, TextEnum};

use super::{container, dependency, fargate, firelens, linux, logging, placement, port, proxy, volume};
use crate::ecs::error::Error;

/// The most containers of a task definition.
const MAX_CONTAINERS: usize = 10;
/// The most placement constraints of a task definition.
const MAX_PLACEMENT_CONSTRAINTS: usize = 10;

/// Reads a family's name.
pub(crate) fn family(raw: &str) -> Result<Family, Error> {
    if raw.is_empty() {
        return Err(Error::Client("Family should not be null or empty.".into()));
    }
    Family::new(raw).map_err(|_| Error::Client("Family contains invalid characters.".into()))
}

/// Checks `spec`, defaults filled in, as RegisterTaskDefinition does.
pub(crate) fn check(spec: &TaskDefinitionSpec) -> Result<(), Error> {
    let containers = &spec.container_definitions;
    if containers.is_empty() {
        return Err(Error::Client("Container list cannot be empty.".into()));
    }
    if containers.len() > MAX_CONTAINERS {
        return Err(Error::Client("Too many containers.".into()));
    }
    check_roles(spec)?;
    check_platform(spec)?;
    let mode = spec.effective_network_mode();
    for each in containers {
        container::check(each, mode)?;
        logging::check(each)?;
    }
    if !containers.iter().any(|container| container.essential) {
        return Err(Error::Client("All tasks must have at least one essential container.".into()));
    }
    firelens::check(spec)?;
    dependency::check(containers)?;
    port::check(containers, mode)?;
    volume::check(&spec.volumes, containers)?;
    if spec.requires(Compatibility::Fargate) {
        fargate::check(spec)?;
    }
    check_sizes(spec)?;
    check_namespaces(spec)?;
    if let Some(proxy) = &spec.proxy_configuration {
        proxy::check(spec, proxy)?;
    }
    check_placement(spec)
}

fn check_roles(spec: &TaskDefinitionSpec) -> Result<(), Error> {
    for role in [&spec.task_role_arn, &spec.execution_role_arn].into_iter().flatten() {
        if !is_role(role) {
            return Err(Error::Client("Role is not valid".into()));
        }
    }
    if spec.execution_role_arn.is_some() {
        return Ok(());
    }
    let has = |list: &Option<Vec<_>>| list.as_ref().is_some_and(|list: &Vec<_>| !list.is_empty());
    for container in &spec.container_definitions {
        let log_secrets = container.log_configuration.as_ref().is_some_and(|logs| has(&logs.secret_options));
        if has(&container.secrets) || log_secrets {
            return Err(Error::Client(
                "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
                    .into(),
            ));
        }
        if container.repository_credentials.is_some() {
            return Err(Error::Client(
                "Private repository authentication requires that the task definition specify a value for \
                 executionRoleArn."
                    .into(),
            ));
        }
    }
    Ok(())
}

/// A role's ARN, or its bare name.
fn is_role(raw: &str) -> bool {
    let name = match raw.strip_prefix("arn:aws:iam::") {
        Some(rest) => rest.split_once(":role/").map_or("", |(_, path)| path),
        None => raw,
    };
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@-_/".contains(&b))
}

/// Tasks run on Linux, on Fargate or on instances that registered themselves.
fn check_platform(spec: &TaskDefinitionSpec) -> Result<(), Error> {
    let family = spec.runtime_platform.and_then(|platform| platform.operating_system_family);
    if let Some(family) = family.filter(|family| *family != OsFamily::Linux) {
        return Err(Error::Client(format!(
            "The operating system family {} is not supported. Tasks run on LINUX.",
            family.as_str()
        )));
    }
    if spec.requires(Compatibility::ManagedInstances) {
        return Err(Error::Client("MANAGED_INSTANCES is not supported.".into()));
    }
    if spec.requires(Compatibility::External) && spec.network_mode == Some(NetworkMode::Awsvpc) {
        return Err(Error::Client("External launch type does not support network mode 'awsvpc'.".into()));
    }
    if spec.enable_fault_injection == Some(true) {
        return Err(Error::Client("Fault injection is not supported.".into()));
    }
    Ok(())
}

fn check_sizes(spec: &TaskDefinitionSpec) -> Result<(), Error> {
    for container in &spec.container_definitions {
        check_memory(container, spec.memory)?;
    }
    let sum = |of: fn(&ContainerDefinition) -> u32| -> u64 {
        spec.container_definitions.iter().map(|container| u64::from(of(container))).sum()
    };
    let beyond = |what: &str| {
        Err(Error::Client(format!(
            "The sum of all container '{what}' values cannot be greater than the value of the task '{what}'."
        )))
    };
    if spec.cpu.is_some_and(|task| sum(|container| container.cpu) > u64::from(task)) {
        return beyond("cpu");
    }
    let reserved = sum(|container| container.memory_reservation.or(container.memory).unwrap_or(0));
    if spec.memory.is_some_and(|task| reserved > u64::from(task)) {
        return beyond("memory");
    }
    match spec.ephemeral_storage {
        Some(storage) if !(21..=200).contains(&storage.size_in_gib) => {
            Err(Error::task_setting("ephemeralStorage"))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_memory(container: &ContainerDefinition, task_mib: Option<u32>) -> Result<(), Error> {
    let name = &container.name;
    // Docker refuses less than 4 MiB (less than 6 in its newer versions).
    if container.memory.is_some_and(|mib| mib < 4) {
        return Err(Error::container_setting("memory", name));
    }
    if container.memory_reservation.is_some_and(|mib| mib < 4) {
        return Err(Error::container_setting("memoryReservation", name));
    }
    match (container.memory, container.memory_reservation) {
        (None, None) if task_mib.is_none() => Err(Error::Client(format!(
            "Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be \
             specified."
        ))),
        (Some(hard), Some(soft)) if soft > hard => Err(Error::Client(format!(
            "Invalid setting for container '{name}'. 'memory' must be greater than or equal to \
             'memoryReservation'."
        ))),
        (Some(hard), _) if task_mib.is_some_and(|task| hard > task) => Err(Error::Client(format!(
            "The 'memory' setting for container '{name}' is greater than for the task."
        ))),
        _ => Ok(()),
    }
}

/// Kernel parameters of a namespace that the task does not own would change the host.
fn check_namespaces(spec: &TaskDefinitionSpec) -> Result<(), Error> {
    let host_network = spec.effective_network_mode() == NetworkMode::Host;
    let host_ipc = spec.ipc_mode == Some(model::ecs::task_definition::IpcMode::Host);
    for container in &spec.container_definitions {
        for control in &container.system_controls {
            let ipc = linux::is_ipc_sysctl(&control.namespace);
            if (ipc && host_ipc) || (!ipc && host_network) {
                return Err(Error::container_setting("systemControls", &container.name));
            }
        }
    }
    Ok(())
}

fn check_placement(spec: &TaskDefinitionSpec) -> Result<(), Error> {
    let constraints = &spec.placement_constraints;
    let complete = |expression: &Option<String>| expression.as_deref().is_some_and(|text| !text.is_empty());
    if constraints.len() > MAX_PLACEMENT_CONSTRAINTS || !constraints.iter().all(|c| complete(&c.expression)) {
        return Err(Error::task_setting("placementConstraints"));
    }
    for text in constraints.iter().filter_map(|constraint| constraint.expression.as_deref()) {
        placement::expression(text).map_err(|error| Error::Client(error.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::ecs::container_definition::{RepositoryCredentials, Secret};
    use model::ecs::task_definition::{EphemeralStorage, RuntimePlatform};

    use super::*;
    use crate::ecs::rules::sample;

    fn check(change: impl FnOnce(&mut TaskDefinitionSpec), expected: &str) {
        let mut spec = sample::spec();
        change(&mut spec);
        let found = super::check(&spec).err().map(|error| error.to_string());
        assert_eq!(found.unwrap_or_default(), expected);
    }

    /// A definition for container instances, without task-level sizes.
    fn on_ec2(spec: &mut TaskDefinitionSpec) -> &mut ContainerDefinition {
        spec.requires_compatibilities = None;
        spec.network_mode = None;
        (spec.cpu, spec.memory) = (None, None);
        &mut spec.container_definitions[0]
    }

    #[test]
    fn a_task_has_one_to_ten_containers_and_an_essential_one() {
        check(|_| {}, "");
        check(|s| s.container_definitions.clear(), "Container list cannot be empty.");
        let many: Vec<_> = (0..11).map(|n| sample::container(&format!("c{n}"))).collect();
        check(|s| s.container_definitions = many, "Too many containers.");
        check(
            |s| s.container_definitions[0].essential = false,
            "All tasks must have at least one essential container.",
        );
    }

    #[test]
    fn memory_is_given_somewhere_and_fits() {
        check(
            |s| {
                on_ec2(s);
            },
            "Invalid setting for container 'web'. At least one of 'memory' or 'memoryReservation' must be specified.",
        );
        check(|s| on_ec2(s).memory = Some(128), "");
        check(|s| on_ec2(s).memory = Some(0), "Invalid 'memory' setting for container 'web'.");
        check(
            |s| s.container_definitions[0].memory = Some(1024),
            "The 'memory' setting for container 'web' is greater than for the task.",
        );
        check(
            |s| {
                let container = on_ec2(s);
                (container.memory, container.memory_reservation) = (Some(64), Some(128));
            },
            "Invalid setting for container 'web'. 'memory' must be greater than or equal to 'memoryReservation'.",
        );
        check(
            |s| s.container_definitions[0].cpu = 257,
            "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
        );
        check(
            |s| s.ephemeral_storage = Some(EphemeralStorage { size_in_gib: 20 }),
            "Invalid 'ephemeralStorage' setting for task.",
        );
    }

    #[test]
    fn secrets_and_private_registries_need_an_execution_role() {
        let secret = Secret { name: "A".into(), value_from: "parameter".into() };
        check(
            |s| s.container_definitions[0].secrets = Some(vec![secret]),
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
        );
        let credentials = RepositoryCredentials { credentials_parameter: "secret".into() };
        check(
            |s| s.container_definitions[0].repository_credentials = Some(credentials),
            "Private repository authentication requires that the task definition specify a value for executionRoleArn.",
        );
        check(|s| s.task_role_arn = Some(String::new()), "Role is not valid");
        check(|s| s.task_role_arn = Some("arn:aws:iam::123456789012:role/path/web".into()), "");
    }

    #[test]
    fn only_linux_is_served() {
        let platform =
            |family| RuntimePlatform { cpu_architecture: None, operating_system_family: Some(family) };
        check(|s| s.runtime_platform = Some(platform(OsFamily::Linux)), "");
        check(
            |s| s.runtime_platform = Some(platform(OsFamily::WindowsServer2022Core)),
            "The operating system family WINDOWS_SERVER_2022_CORE is not supported. Tasks run on LINUX.",
        );
    }

    #[test]
    fn families_are_plain_names() {
        assert!(family("web-1_a").is_ok());
        assert_eq!(family("").unwrap_err().to_string(), "Family should not be null or empty.");
        assert_eq!(family("a b").unwrap_err().to_string(), "Family contains invalid characters.");
    }
}
