//! Container definitions: shapes to model and back.

use model::ecs::container_definition::{
    ApplicationProtocol, ContainerCondition, Dependency, EnvironmentFile, EnvironmentFileType,
    FirelensConfiguration, FirelensType, HealthCheck, HostEntry, KeyValuePair, LogConfiguration, LogDriver,
    PortMapping, RepositoryCredentials, RestartPolicy, Secret, TransportProtocol, VersionConsistency,
};
use model::ecs::linux::{
    Device, DevicePermission, KernelCapabilities, LinuxParameters, SystemControl, Tmpfs, Ulimit, UlimitName,
};
use model::ecs::volume::{MountPoint, VolumeFrom};
use model::ecs::{ContainerDefinition, ContainerName};
use wire::ecs as shape;

use super::convert::{Malformed, Wire, mirror, read, words};
use crate::ecs::error::Error;

words!(
    ApplicationProtocol,
    ContainerCondition,
    DevicePermission,
    EnvironmentFileType,
    FirelensType,
    LogDriver,
    TransportProtocol,
    UlimitName,
    VersionConsistency,
);

mirror! {
    RepositoryCredentials = RepositoryCredentials [credentials_parameter] [];
    PortMapping = PortMapping
        [container_port, host_port, protocol, name, app_protocol, container_port_range] [];
    RestartPolicy = ContainerRestartPolicy [enabled, ignored_exit_codes, restart_attempt_period] [];
    EnvironmentFile = EnvironmentFile [value] [kind = r#type];
    Secret = Secret [name, value_from] [];
    Dependency = ContainerDependency [container_name, condition] [];
    HostEntry = HostEntry [hostname, ip_address] [];
    LogConfiguration = LogConfiguration [log_driver, options, secret_options] [];
    HealthCheck = HealthCheck [command, interval, timeout, retries, start_period] [];
    FirelensConfiguration = FirelensConfiguration [options] [kind = r#type];
    LinuxParameters = LinuxParameters
        [capabilities, devices, init_process_enabled, shared_memory_size, tmpfs, max_swap, swappiness] [];
    KernelCapabilities = KernelCapabilities [add, drop] [];
    Device = Device [host_path, container_path, permissions] [];
    Tmpfs = Tmpfs [container_path, size, mount_options] [];
    Ulimit = Ulimit [name, soft_limit, hard_limit] [];
    MountPoint = MountPoint [source_volume, container_path, read_only] [];
    VolumeFrom = VolumeFrom [source_container, read_only] [];
}

impl Wire<shape::KeyValuePair> for KeyValuePair {
    /// A value that is absent is empty, as in a process's environment; a name is demanded.
    fn from_wire(shape: shape::KeyValuePair) -> Result<Self, Malformed> {
        let name = shape.name.filter(|name| !name.is_empty()).ok_or_else(Malformed::here)?;
        Ok(KeyValuePair { name, value: shape.value.unwrap_or_default() })
    }
    fn into_wire(self) -> shape::KeyValuePair {
        shape::KeyValuePair { name: Some(self.name), value: Some(self.value) }
    }
}

impl Wire<shape::SystemControl> for SystemControl {
    fn from_wire(shape: shape::SystemControl) -> Result<Self, Malformed> {
        match (shape.namespace, shape.value) {
            (Some(namespace), Some(value)) => Ok(SystemControl { namespace, value }),
            (None, _) | (_, None) => Err(Malformed::here()),
        }
    }
    fn into_wire(self) -> shape::SystemControl {
        shape::SystemControl { namespace: Some(self.namespace), value: Some(self.value) }
    }
}

/// Reads a container definition. Members that nothing here can act on are refused.
pub(crate) fn read_container(shape: shape::ContainerDefinition) -> Result<ContainerDefinition, Error> {
    let name = match shape.name.as_deref() {
        None | Some("") => return Err(Error::Client("Container.name should not be null or empty.".into())),
        Some(raw) => ContainerName::new(raw)
            .map_err(|_| Error::Client("Container.name contains invalid characters.".into()))?,
    };
    if shape.image.as_deref().is_none_or(str::is_empty) {
        return Err(Error::Client("Container.image should not be null or empty.".into()));
    }
    refuse_unsupported(&name, &shape)?;
    members(name.clone(), shape).map_err(|error| Error::container_setting(&error.member, &name))
}

fn refuse_unsupported(name: &ContainerName, shape: &shape::ContainerDefinition) -> Result<(), Error> {
    if let Some(requirement) = shape.resource_requirements.iter().flatten().next() {
        let kind = &requirement.r#type;
        return Err(Error::Client(format!(
            "Invalid 'resourceRequirements' setting for container '{name}'. No node has devices of type {kind}."
        )));
    }
    if shape.credential_specs.as_ref().is_some_and(|specs| !specs.is_empty()) {
        return Err(Error::Client(format!(
            "Invalid 'credentialSpecs' setting for container '{name}'. Active Directory credential specs are \
             not supported."
        )));
    }
    Ok(())
}

fn members(name: ContainerName, shape: shape::ContainerDefinition) -> Result<ContainerDefinition, Malformed> {
    let cpu: Option<u32> = read!(shape.cpu);
    Ok(ContainerDefinition {
        name,
        image: shape.image.unwrap_or_default(),
        repository_credentials: read!(shape.repository_credentials),
        cpu: cpu.unwrap_or(0),
        memory: read!(shape.memory),
        memory_reservation: read!(shape.memory_reservation),
        links: shape.links,
        port_mappings: read!(shape.port_mappings),
        essential: shape.essential.unwrap_or(true),
        restart_policy: read!(shape.restart_policy),
        entry_point: shape.entry_point,
        command: shape.command,
        environment: read!(shape.environment),
        environment_files: read!(shape.environment_files),
        mount_points: read!(shape.mount_points),
        volumes_from: read!(shape.volumes_from),
        linux_parameters: read!(shape.linux_parameters),
        secrets: read!(shape.secrets),
        depends_on: read!(shape.depends_on),
        start_timeout: read!(shape.start_timeout),
        stop_timeout: read!(shape.stop_timeout),
        version_consistency: read!(shape.version_consistency),
        hostname: shape.hostname,
        user: shape.user,
        working_directory: shape.working_directory,
        disable_networking: shape.disable_networking,
        privileged: shape.privileged,
        readonly_root_filesystem: shape.readonly_root_filesystem,
        dns_servers: shape.dns_servers,
        dns_search_domains: shape.dns_search_domains,
        extra_hosts: read!(shape.extra_hosts),
        docker_security_options: shape.docker_security_options,
        interactive: shape.interactive,
        pseudo_terminal: shape.pseudo_terminal,
        docker_labels: shape.docker_labels,
        ulimits: read!(shape.ulimits),
        log_configuration: read!(shape.log_configuration),
        health_check: read!(shape.health_check),
        system_controls: read!(shape.system_controls),
        firelens_configuration: read!(shape.firelens_configuration),
    })
}

/// Writes a container definition.
pub(crate) fn write_container(container: ContainerDefinition) -> shape::ContainerDefinition {
    let c = container;
    shape::ContainerDefinition {
        name: Some(c.name.into()),
        image: Some(c.image),
        repository_credentials: c.repository_credentials.into_wire(),
        cpu: Some(c.cpu.into_wire()),
        memory: c.memory.into_wire(),
        memory_reservation: c.memory_reservation.into_wire(),
        links: c.links,
        port_mappings: c.port_mappings.into_wire(),
        essential: Some(c.essential),
        restart_policy: c.restart_policy.into_wire(),
        entry_point: c.entry_point,
        command: c.command,
        environment: c.environment.into_wire(),
        environment_files: c.environment_files.into_wire(),
        mount_points: c.mount_points.into_wire(),
        volumes_from: c.volumes_from.into_wire(),
        linux_parameters: c.linux_parameters.into_wire(),
        secrets: c.secrets.into_wire(),
        depends_on: c.depends_on.into_wire(),
        start_timeout: c.start_timeout.into_wire(),
        stop_timeout: c.stop_timeout.into_wire(),
        version_consistency: c.version_consistency.into_wire(),
        hostname: c.hostname,
        user: c.user,
        working_directory: c.working_directory,
        disable_networking: c.disable_networking,
        privileged: c.privileged,
        readonly_root_filesystem: c.readonly_root_filesystem,
        dns_servers: c.dns_servers,
        dns_search_domains: c.dns_search_domains,
        extra_hosts: c.extra_hosts.into_wire(),
        docker_security_options: c.docker_security_options,
        interactive: c.interactive,
        pseudo_terminal: c.pseudo_terminal,
        docker_labels: c.docker_labels,
        ulimits: c.ulimits.into_wire(),
        log_configuration: c.log_configuration.into_wire(),
        health_check: c.health_check.into_wire(),
        system_controls: c.system_controls.into_wire(),
        resource_requirements: None,
        firelens_configuration: c.firelens_configuration.into_wire(),
        credential_specs: None,
    }
}
