//! Tasks: model to shapes, and overrides both ways.

use model::ecs::status::{Connectivity, ContainerStatus, DesiredStatus, HealthStatus, LastStatus, StopCode};
use model::ecs::task::{Attachment, AttachmentStatus, LaunchType, Task};
use model::ecs::task_container::{
    ManagedAgent, ManagedAgentName, NetworkBinding, NetworkInterface, TaskContainer,
};
use model::ecs::{ContainerOverride, TaskOverride};
use wire::ecs as shape;

use super::cluster::write_tags;
use super::convert::{Malformed, Wire, read, words};
use crate::ecs::error::Error;
use crate::ecs::rules::size;

words!(
    AttachmentStatus,
    Connectivity,
    ContainerStatus,
    DesiredStatus,
    HealthStatus,
    LastStatus,
    LaunchType,
    ManagedAgentName,
    StopCode,
);

/// Writes a task; tags are shown only to those who ask for them.
pub(crate) fn write_task(task: &Task, with_tags: bool) -> shape::Task {
    let (spec, seen) = (&task.spec, &task.seen);
    let millis = |time: Option<model::Timestamp>| time.map(model::Timestamp::as_millis);
    let word = |word: &dyn ToString| Some(word.to_string());
    shape::Task {
        attachments: Some(task.attachments.iter().map(write_attachment).collect()),
        attributes: Some(attributes(task)),
        availability_zone: seen.availability_zone.clone(),
        capacity_provider_name: spec.capacity_provider.clone(),
        cluster_arn: word(&task.cluster.arn(&task.scope)),
        connectivity: seen.connectivity.into_wire(),
        connectivity_at: millis(seen.connectivity_at),
        container_instance_arn: task
            .container_instance
            .as_ref()
            .map(|id| id.arn(&task.scope, &task.cluster).to_string()),
        containers: Some(task.containers.iter().map(|container| write_container(task, container)).collect()),
        cpu: spec.cpu.map(|units| units.to_string()),
        created_at: Some(seen.created_at.as_millis()),
        desired_status: word(&task.desired_status),
        enable_execute_command: Some(spec.enable_execute_command),
        execution_stopped_at: millis(seen.execution_stopped_at),
        group: spec.group.clone(),
        health_status: word(&task.health_status()),
        inference_accelerators: Some(Vec::new()),
        last_status: word(&seen.last_status),
        launch_type: word(&spec.launch_type),
        memory: spec.memory.map(|mib| mib.to_string()),
        overrides: Some(write_overrides(&spec.overrides)),
        platform_version: spec.platform_version.clone(),
        platform_family: spec.platform_family.clone(),
        pull_started_at: millis(seen.pull_started_at),
        pull_stopped_at: millis(seen.pull_stopped_at),
        started_at: millis(seen.started_at),
        started_by: spec.started_by.clone(),
        stop_code: seen.stop_code.into_wire(),
        stopped_at: millis(seen.stopped_at),
        stopped_reason: seen.stopped_reason.clone(),
        stopping_at: millis(seen.stopping_at),
        tags: Some(if with_tags { write_tags(&task.tags) } else { Vec::new() }),
        task_arn: word(&task.arn()),
        task_definition_arn: word(&spec.definition.arn(&task.scope)),
        version: Some(i64::try_from(task.version).unwrap_or(i64::MAX)),
        ephemeral_storage: spec.ephemeral_storage.into_wire(),
        fargate_ephemeral_storage: (spec.launch_type == LaunchType::Fargate)
            .then_some(spec.ephemeral_storage)
            .flatten()
            .map(|storage| shape::TaskEphemeralStorage {
                size_in_gi_b: Some(storage.size_in_gib.into_wire()),
                kms_key_id: None,
            }),
        ..Default::default()
    }
}

/// The attribute that Fargate tasks show.
fn attributes(task: &Task) -> Vec<shape::Attribute> {
    if task.spec.launch_type != LaunchType::Fargate {
        return Vec::new();
    }
    let name = "ecs.cpu-architecture".to_owned();
    let value = task.spec.cpu_architecture.map(|architecture| architecture.to_string().to_lowercase());
    vec![shape::Attribute { name, value, ..Default::default() }]
}

fn write_attachment(attachment: &Attachment) -> shape::Attachment {
    shape::Attachment {
        id: Some(attachment.id.clone()),
        r#type: Some(attachment.kind.clone()),
        status: Some(attachment.status.to_string()),
        details: attachment.details.clone().into_wire(),
    }
}

fn write_container(task: &Task, container: &TaskContainer) -> shape::Container {
    let seen = &container.seen;
    // A container without a health check is UNKNOWN for ever, as DescribeTasks of ECS shows it.
    let health = seen.health_status.unwrap_or(HealthStatus::Unknown);
    shape::Container {
        container_arn: Some(task.container_arn(container).to_string()),
        task_arn: Some(task.arn().to_string()),
        name: Some(container.name.to_string()),
        image: Some(container.image.clone()),
        image_digest: seen.image_digest.clone(),
        runtime_id: seen.runtime_id.clone(),
        last_status: Some(seen.last_status.to_string()),
        exit_code: seen.exit_code,
        reason: seen.reason.clone(),
        network_bindings: Some(seen.network_bindings.iter().map(write_binding).collect()),
        network_interfaces: Some(seen.network_interfaces.iter().map(write_interface).collect()),
        health_status: Some(health.to_string()),
        managed_agents: (!seen.managed_agents.is_empty())
            .then(|| seen.managed_agents.iter().map(write_agent).collect()),
        cpu: Some(container.cpu.to_string()),
        memory: container.memory.map(|mib| mib.to_string()),
        memory_reservation: container.memory_reservation.map(|mib| mib.to_string()),
        ..Default::default()
    }
}

fn write_binding(binding: &NetworkBinding) -> shape::NetworkBinding {
    shape::NetworkBinding {
        bind_ip: Some(binding.bind_ip.clone()),
        container_port: binding.container_port.into_wire(),
        host_port: binding.host_port.into_wire(),
        protocol: Some(binding.protocol.to_string()),
        container_port_range: binding.container_port_range.into_wire(),
        host_port_range: binding.host_port_range.into_wire(),
    }
}

fn write_interface(interface: &NetworkInterface) -> shape::NetworkInterface {
    shape::NetworkInterface {
        attachment_id: Some(interface.attachment_id.clone()),
        private_ipv4_address: interface.private_ipv4_address.clone(),
        ipv6_address: interface.ipv6_address.clone(),
    }
}

fn write_agent(agent: &ManagedAgent) -> shape::ManagedAgent {
    shape::ManagedAgent {
        last_started_at: agent.last_started_at.map(model::Timestamp::as_millis),
        name: Some(agent.name.to_string()),
        reason: agent.reason.clone(),
        last_status: Some(agent.last_status.to_string()),
    }
}

/// Reads the overrides of RunTask and StartTask.
pub(crate) fn read_overrides(shape: shape::TaskOverride) -> Result<TaskOverride, Error> {
    if shape.inference_accelerator_overrides.as_ref().is_some_and(|all| !all.is_empty()) {
        return Err(Error::InvalidParameter("Inference accelerators are not supported.".into()));
    }
    let cpu = shape.cpu.as_deref().map(size::parse_cpu).transpose()?;
    let memory = shape.memory.as_deref().map(size::parse_memory).transpose()?;
    let storage = Wire::from_wire(shape.ephemeral_storage).map_err(|_| Error::task_setting("sizeInGiB"))?;
    let containers = shape.container_overrides.unwrap_or_default().into_iter();
    Ok(TaskOverride {
        container_overrides: containers.map(read_container_override).collect::<Result<_, _>>()?,
        cpu,
        memory,
        task_role_arn: shape.task_role_arn,
        execution_role_arn: shape.execution_role_arn,
        ephemeral_storage: storage,
    })
}

fn read_container_override(shape: shape::ContainerOverride) -> Result<ContainerOverride, Error> {
    let name = shape.name.clone().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Error::InvalidParameter("Container override name must be set.".into()))?;
    if shape.resource_requirements.as_ref().is_some_and(|all| !all.is_empty()) {
        return Err(Error::InvalidParameter("No node has devices to override.".into()));
    }
    let members = |name: String| -> Result<ContainerOverride, Malformed> {
        Ok(ContainerOverride {
            name,
            command: shape.command,
            environment: read!(shape.environment),
            environment_files: read!(shape.environment_files),
            cpu: read!(shape.cpu),
            memory: read!(shape.memory),
            memory_reservation: read!(shape.memory_reservation),
        })
    };
    members(name.clone()).map_err(|error| {
        Error::InvalidParameter(format!("Invalid '{}' setting for container '{name}'.", error.member))
    })
}

fn write_overrides(overrides: &TaskOverride) -> shape::TaskOverride {
    let container = |over: &ContainerOverride| shape::ContainerOverride {
        name: Some(over.name.clone()),
        command: over.command.clone(),
        environment: over.environment.clone().into_wire(),
        environment_files: over.environment_files.clone().into_wire(),
        cpu: over.cpu.into_wire(),
        memory: over.memory.into_wire(),
        memory_reservation: over.memory_reservation.into_wire(),
        resource_requirements: None,
    };
    shape::TaskOverride {
        container_overrides: Some(overrides.container_overrides.iter().map(container).collect()),
        cpu: overrides.cpu.map(|units| units.to_string()),
        inference_accelerator_overrides: Some(Vec::new()),
        execution_role_arn: overrides.execution_role_arn.clone(),
        memory: overrides.memory.map(|mib| mib.to_string()),
        task_role_arn: overrides.task_role_arn.clone(),
        ephemeral_storage: overrides.ephemeral_storage.into_wire(),
    }
}
