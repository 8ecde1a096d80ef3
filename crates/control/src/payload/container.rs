//! Containers in the words of the agent link, overrides applied.

use std::collections::BTreeMap;

use model::ecs::container_definition::{
    ContainerDefinition, FirelensConfiguration, PortMapping, RepositoryCredentials, Secret, TransportProtocol,
};
use model::ecs::task_definition::TaskDefinition;
use model::ecs::{ContainerOverride, Task};
use wire::link;

use super::{Surroundings, docker};

/// Seconds a container must have run before it may be restarted in place: ECS's default.
const RESTART_ATTEMPT_PERIOD: u32 = 300;

/// All containers, in the order of the definition.
pub fn containers(task: &Task, definition: &TaskDefinition, around: &Surroundings) -> Vec<link::Container> {
    definition.spec.container_definitions.iter().map(|container| convert(task, container, around)).collect()
}

fn convert(task: &Task, definition: &ContainerDefinition, around: &Surroundings) -> link::Container {
    let name = definition.name.as_str();
    let changes = task.spec.overrides.container_overrides.iter().find(|o| o.name == name);
    let running = task.containers.iter().find(|c| c.name.as_str() == name);
    let region = task.scope.region.as_str();
    let memory = changes.and_then(|o| o.memory).or(definition.memory);
    let secrets = definition.secrets.iter().flatten().map(|s| secret(s, region, None));
    let log_secrets = definition.log_configuration.iter().flat_map(|log| log.secret_options.iter().flatten());
    link::Container {
        name: name.to_owned(),
        container_arn: running.map(|c| task.container_arn(c).to_string()).unwrap_or_default(),
        image: definition.image.clone(),
        command: changes.and_then(|o| o.command.clone()).or_else(|| definition.command.clone()),
        entry_point: definition.entry_point.clone(),
        environment: environment(definition, changes),
        environment_files: environment_files(definition, changes),
        essential: definition.essential,
        cpu: i64::from(changes.and_then(|o| o.cpu).unwrap_or(definition.cpu)),
        memory: memory.map_or(0, i64::from),
        port_mappings: definition.port_mappings.iter().map(port_mapping).collect(),
        mount_points: mount_points(definition),
        volumes_from: volumes_from(definition),
        links: definition.links.clone().unwrap_or_default(),
        depends_on: depends_on(definition),
        start_timeout: definition.start_timeout.map_or(0, i64::from),
        stop_timeout: definition.stop_timeout.map(i64::from),
        restart_policy: restart_policy(definition),
        health_check_type: definition.health_check.as_ref().map(|_| "docker".to_owned()),
        registry_authentication: definition.repository_credentials.as_ref().map(|c| credentials(c, region)),
        secrets: secrets.chain(log_secrets.map(|s| secret(s, region, Some("LOG_DRIVER")))).collect(),
        firelens_configuration: definition.firelens_configuration.as_ref().map(firelens),
        docker_config: docker::config(task, definition, changes, around),
    }
}

fn firelens(router: &FirelensConfiguration) -> link::FirelensConfiguration {
    link::FirelensConfiguration {
        kind: router.kind.to_string(),
        options: router.options.clone().unwrap_or_default(),
    }
}

fn environment(
    definition: &ContainerDefinition,
    changes: Option<&ContainerOverride>,
) -> BTreeMap<String, String> {
    let changed = changes.and_then(|o| o.environment.as_ref()).into_iter().flatten();
    definition.environment.iter().chain(changed).map(|pair| (pair.name.clone(), pair.value.clone())).collect()
}

fn environment_files(
    definition: &ContainerDefinition,
    changes: Option<&ContainerOverride>,
) -> Vec<link::EnvironmentFile> {
    let files = changes.and_then(|o| o.environment_files.as_ref()).or(definition.environment_files.as_ref());
    let convert = |file: &model::ecs::container_definition::EnvironmentFile| link::EnvironmentFile {
        value: file.value.clone(),
        kind: file.kind.to_string(),
    };
    files.into_iter().flatten().map(convert).collect()
}

fn port_mapping(mapping: &PortMapping) -> link::PortMapping {
    link::PortMapping {
        container_port: mapping.container_port.unwrap_or(0),
        host_port: mapping.host_port.unwrap_or(0),
        protocol: mapping.protocol.unwrap_or(TransportProtocol::Tcp).to_string(),
        container_port_range: mapping.container_port_range.map(|range| range.to_string()),
        name: mapping.name.clone(),
    }
}

fn mount_points(definition: &ContainerDefinition) -> Vec<link::MountPoint> {
    let complete = definition.mount_points.iter().filter_map(|mount| {
        Some(link::MountPoint {
            source_volume: mount.source_volume.clone()?,
            container_path: mount.container_path.clone()?,
            read_only: mount.read_only.unwrap_or(false),
        })
    });
    complete.collect()
}

fn volumes_from(definition: &ContainerDefinition) -> Vec<link::VolumeFrom> {
    let complete = definition.volumes_from.iter().filter_map(|from| {
        Some(link::VolumeFrom {
            source_container: from.source_container.clone()?,
            read_only: from.read_only.unwrap_or(false),
        })
    });
    complete.collect()
}

fn depends_on(definition: &ContainerDefinition) -> Vec<link::ContainerDependency> {
    let convert = |d: &model::ecs::container_definition::Dependency| link::ContainerDependency {
        container_name: d.container_name.clone(),
        condition: d.condition.to_string(),
    };
    definition.depends_on.iter().flatten().map(convert).collect()
}

fn restart_policy(definition: &ContainerDefinition) -> Option<link::RestartPolicy> {
    let policy = definition.restart_policy.as_ref()?;
    Some(link::RestartPolicy {
        enabled: policy.enabled,
        ignored_exit_codes: policy.ignored_exit_codes.iter().flatten().map(|code| i64::from(*code)).collect(),
        restart_attempt_period: policy.restart_attempt_period.unwrap_or(RESTART_ATTEMPT_PERIOD).into(),
    })
}

fn credentials(credentials: &RepositoryCredentials, region: &str) -> link::RegistryAuthentication {
    link::RegistryAuthentication {
        kind: "asm".into(),
        ecr_auth_data: None,
        asm_auth_data: Some(link::AsmAuthData {
            credentials_parameter: credentials.credentials_parameter.clone(),
            region: region.to_owned(),
        }),
    }
}

fn secret(secret: &Secret, region: &str, target: Option<&str>) -> link::Secret {
    let provider = if secret.value_from.contains(":secretsmanager:") { "asm" } else { "ssm" };
    link::Secret {
        name: secret.name.clone(),
        value_from: secret.value_from.clone(),
        provider: provider.into(),
        kind: "ENVIRONMENT_VARIABLE".into(),
        target: target.map(str::to_owned),
        region: region.to_owned(),
    }
}
