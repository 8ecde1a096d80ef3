//! The smallest valid task definition, which tests change.

use std::collections::BTreeMap;

use model::ecs::task_definition::{Compatibility, NetworkMode, TaskDefinitionSpec};
use model::ecs::{ContainerDefinition, ContainerName};

/// A container that says nothing but its name and image.
pub(crate) fn container(name: &str) -> ContainerDefinition {
    ContainerDefinition {
        name: ContainerName::new(name).expect("the sample's name is plain"),
        image: "web:1".to_owned(),
        repository_credentials: None,
        cpu: 0,
        memory: None,
        memory_reservation: None,
        links: None,
        port_mappings: Vec::new(),
        essential: true,
        restart_policy: None,
        entry_point: None,
        command: None,
        environment: Vec::new(),
        environment_files: None,
        mount_points: Vec::new(),
        volumes_from: Vec::new(),
        linux_parameters: None,
        secrets: None,
        depends_on: None,
        start_timeout: None,
        stop_timeout: None,
        version_consistency: None,
        hostname: None,
        user: None,
        working_directory: None,
        disable_networking: None,
        privileged: None,
        readonly_root_filesystem: None,
        dns_servers: None,
        dns_search_domains: None,
        extra_hosts: None,
        docker_security_options: None,
        interactive: None,
        pseudo_terminal: None,
        docker_labels: None::<BTreeMap<String, String>>,
        ulimits: None,
        log_configuration: None,
        health_check: None,
        system_controls: Vec::new(),
        firelens_configuration: None,
    }
}

/// A Fargate task of one container.
pub(crate) fn spec() -> TaskDefinitionSpec {
    TaskDefinitionSpec {
        container_definitions: vec![container("web")],
        task_role_arn: None,
        execution_role_arn: None,
        network_mode: Some(NetworkMode::Awsvpc),
        volumes: Vec::new(),
        placement_constraints: Vec::new(),
        requires_compatibilities: Some(vec![Compatibility::Fargate]),
        cpu: Some(256),
        memory: Some(512),
        pid_mode: None,
        ipc_mode: None,
        proxy_configuration: None,
        ephemeral_storage: None,
        runtime_platform: None,
        enable_fault_injection: None,
    }
}
