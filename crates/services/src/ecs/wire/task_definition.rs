//! Task definitions: shapes to model and back.

use model::ecs::TaskDefinition;
use model::ecs::node::CpuArchitecture;
use model::ecs::task_definition::{
    Compatibility, EphemeralStorage, IpcMode, NetworkMode, OsFamily, PidMode, PlacementConstraint,
    PlacementConstraintType, ProxyConfiguration, ProxyType, RequiredAttribute, RuntimePlatform,
    TaskDefinitionSpec, TaskDefinitionStatus,
};
use model::ecs::volume::{
    DockerVolume, EfsAuthorization, EfsVolume, HostVolume, Switch, Volume, VolumeScope, VolumeSource,
};
use wire::ecs as shape;

use super::container::{read_container, write_container};
use super::convert::{Malformed, Wire, mirror, read, words};
use crate::ecs::error::Error;
use crate::ecs::rules::size;

words!(
    Compatibility,
    CpuArchitecture,
    IpcMode,
    NetworkMode,
    OsFamily,
    PidMode,
    PlacementConstraintType,
    ProxyType,
    Switch,
    TaskDefinitionStatus,
    VolumeScope,
);

mirror! {
    EphemeralStorage = EphemeralStorage [] [size_in_gib = size_in_gi_b];
    RuntimePlatform = RuntimePlatform [cpu_architecture, operating_system_family] [];
    HostVolume = HostVolumeProperties [source_path] [];
    DockerVolume = DockerVolumeConfiguration [scope, autoprovision, driver, driver_opts, labels] [];
    EfsVolume = EFSVolumeConfiguration
        [file_system_id, root_directory, transit_encryption, transit_encryption_port, authorization_config] [];
    EfsAuthorization = EFSAuthorizationConfig [access_point_id, iam] [];
}

impl Wire<shape::TaskDefinitionPlacementConstraint> for PlacementConstraint {
    fn from_wire(shape: shape::TaskDefinitionPlacementConstraint) -> Result<Self, Malformed> {
        let kind = Wire::from_wire(shape.r#type.ok_or_else(Malformed::here)?)?;
        Ok(PlacementConstraint { kind, expression: shape.expression })
    }
    fn into_wire(self) -> shape::TaskDefinitionPlacementConstraint {
        shape::TaskDefinitionPlacementConstraint {
            r#type: Some(self.kind.into_wire()),
            expression: self.expression,
        }
    }
}

impl Wire<shape::ProxyConfiguration> for ProxyConfiguration {
    fn from_wire(shape: shape::ProxyConfiguration) -> Result<Self, Malformed> {
        let name = shape.container_name.try_into().map_err(|_| Malformed::here().inside("container_name"))?;
        Ok(ProxyConfiguration {
            kind: read!(shape.r#type),
            container_name: name,
            properties: read!(shape.properties),
        })
    }
    fn into_wire(self) -> shape::ProxyConfiguration {
        shape::ProxyConfiguration {
            r#type: self.kind.into_wire(),
            container_name: self.container_name.into(),
            properties: self.properties.into_wire(),
        }
    }
}

impl Wire<shape::Volume> for Volume {
    fn from_wire(shape: shape::Volume) -> Result<Self, Malformed> {
        if shape.s3files_volume_configuration.is_some() {
            return Err(Malformed::here().inside("s3files_volume_configuration"));
        }
        if shape.fsx_windows_file_server_volume_configuration.is_some() {
            return Err(Malformed::here().inside("fsx_windows_file_server_volume_configuration"));
        }
        if shape.configured_at_launch == Some(true) {
            return Err(Malformed::here().inside("configured_at_launch"));
        }
        let source = match (shape.host, shape.docker_volume_configuration, shape.efs_volume_configuration) {
            (None, None, None) => VolumeSource::Scratch,
            (Some(host), None, None) => VolumeSource::Host(Wire::from_wire(host)?),
            (None, Some(docker), None) => VolumeSource::Docker(Wire::from_wire(docker)?),
            (None, None, Some(efs)) => VolumeSource::Efs(Wire::from_wire(efs)?),
            _ => return Err(Malformed::here().inside("volumes")),
        };
        Ok(Volume { name: shape.name.unwrap_or_default(), source })
    }
    fn into_wire(self) -> shape::Volume {
        let mut shape = shape::Volume { name: Some(self.name), ..Default::default() };
        match self.source {
            VolumeSource::Scratch => {}
            VolumeSource::Host(host) => shape.host = Some(host.into_wire()),
            VolumeSource::Docker(docker) => shape.docker_volume_configuration = Some(docker.into_wire()),
            VolumeSource::Efs(efs) => shape.efs_volume_configuration = Some(efs.into_wire()),
        }
        shape
    }
}

/// Reads what RegisterTaskDefinition was given, without family and tags.
pub(crate) fn read_spec(input: shape::RegisterTaskDefinitionRequest) -> Result<TaskDefinitionSpec, Error> {
    refuse_unsupported(&input)?;
    let cpu = input.cpu.as_deref().map(size::parse_cpu).transpose()?;
    let memory = input.memory.as_deref().map(size::parse_memory).transpose()?;
    let containers = input.container_definitions.into_iter().map(read_container);
    let containers = containers.collect::<Result<Vec<_>, Error>>()?;
    let rest = || -> Result<TaskDefinitionSpec, Malformed> {
        Ok(TaskDefinitionSpec {
            container_definitions: containers,
            task_role_arn: input.task_role_arn,
            execution_role_arn: input.execution_role_arn,
            network_mode: read!(input.network_mode),
            volumes: read!(input.volumes),
            placement_constraints: read!(input.placement_constraints),
            requires_compatibilities: read!(input.requires_compatibilities),
            cpu,
            memory,
            pid_mode: read!(input.pid_mode),
            ipc_mode: read!(input.ipc_mode),
            proxy_configuration: read!(input.proxy_configuration),
            ephemeral_storage: read!(input.ephemeral_storage),
            runtime_platform: read!(input.runtime_platform),
            enable_fault_injection: input.enable_fault_injection,
        })
    };
    rest().map_err(|error| Error::task_setting(&error.member))
}

fn refuse_unsupported(input: &shape::RegisterTaskDefinitionRequest) -> Result<(), Error> {
    if input.inference_accelerators.as_ref().is_some_and(|all| !all.is_empty()) {
        return Err(Error::Client("Inference accelerators are not supported.".into()));
    }
    if input.trusted_execution_configuration.is_some() {
        return Err(Error::Client("Trusted execution environments are not supported.".into()));
    }
    Ok(())
}

/// Writes a task definition; its tags travel beside it.
pub(crate) fn write_task_definition(definition: &TaskDefinition) -> shape::TaskDefinition {
    let spec = definition.spec.clone();
    let seconds = |time: Option<model::Timestamp>| time.map(model::Timestamp::as_millis);
    shape::TaskDefinition {
        task_definition_arn: Some(definition.arn().to_string()),
        container_definitions: Some(spec.container_definitions.into_iter().map(write_container).collect()),
        family: Some(definition.id.family.to_string()),
        task_role_arn: spec.task_role_arn,
        execution_role_arn: spec.execution_role_arn,
        network_mode: spec.network_mode.into_wire(),
        revision: Some(definition.id.revision.into_wire()),
        volumes: spec.volumes.into_wire(),
        status: Some(definition.status.into_wire()),
        requires_attributes: Some(definition.requires_attributes.iter().map(write_attribute).collect()),
        placement_constraints: spec.placement_constraints.into_wire(),
        compatibilities: definition.compatibilities.clone().into_wire(),
        runtime_platform: spec.runtime_platform.into_wire(),
        requires_compatibilities: spec.requires_compatibilities.into_wire(),
        cpu: spec.cpu.map(|units| units.to_string()),
        memory: spec.memory.map(|mib| mib.to_string()),
        inference_accelerators: None,
        pid_mode: spec.pid_mode.into_wire(),
        ipc_mode: spec.ipc_mode.into_wire(),
        proxy_configuration: spec.proxy_configuration.into_wire(),
        registered_at: Some(definition.registered_at.as_millis()),
        deregistered_at: seconds(definition.deregistered_at),
        delete_requested_at: seconds(definition.delete_requested_at),
        registered_by: Some(definition.registered_by.clone()),
        ephemeral_storage: spec.ephemeral_storage.into_wire(),
        enable_fault_injection: spec.enable_fault_injection,
        trusted_execution_configuration: None,
    }
}

fn write_attribute(attribute: &RequiredAttribute) -> shape::Attribute {
    shape::Attribute { name: attribute.name.clone(), value: attribute.value.clone(), ..Default::default() }
}
