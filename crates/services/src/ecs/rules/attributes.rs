//! What follows from a task definition: where it can run, and what an instance must have.

use std::collections::BTreeSet;

use model::ecs::ContainerDefinition;
use model::ecs::container_definition::LogDriver;
use model::ecs::task_definition::{Compatibility, NetworkMode, RequiredAttribute, TaskDefinitionSpec};
use model::ecs::volume::VolumeSource;

use super::{fargate, firelens};

/// The launch types that could run the definition, in ECS's order.
///
/// Deviation: MANAGED_INSTANCES is never among them, since there are none.
pub(crate) fn compatibilities(spec: &TaskDefinitionSpec) -> Vec<Compatibility> {
    let mut all = Vec::new();
    if spec.effective_network_mode() != NetworkMode::Awsvpc {
        all.push(Compatibility::External);
    }
    all.push(Compatibility::Ec2);
    if fargate::check(spec).is_ok() {
        all.push(Compatibility::Fargate);
    }
    all
}

/// The attributes that a container instance must have, sorted by name.
pub(crate) fn required(spec: &TaskDefinitionSpec) -> Vec<RequiredAttribute> {
    let mut names = BTreeSet::new();
    let mut need = |name: &str| {
        names.insert(name.to_owned());
    };
    if spec.task_role_arn.is_some() {
        need("com.amazonaws.ecs.capability.task-iam-role");
        need("com.amazonaws.ecs.capability.docker-remote-api.1.17");
        if spec.effective_network_mode() == NetworkMode::Host {
            need("com.amazonaws.ecs.capability.task-iam-role-network-host");
        }
    }
    if spec.effective_network_mode() == NetworkMode::Awsvpc {
        need("ecs.capability.task-eni");
        need("com.amazonaws.ecs.capability.docker-remote-api.1.18");
    }
    if spec.pid_mode.is_some() || spec.ipc_mode.is_some() {
        need("ecs.capability.pid-ipc-namespace-sharing");
    }
    if spec.proxy_configuration.is_some() {
        need("ecs.capability.aws-appmesh");
    }
    for volume in &spec.volumes {
        match &volume.source {
            VolumeSource::Scratch | VolumeSource::Host(_) => {}
            VolumeSource::Docker(_) => need("ecs.capability.docker-plugin.local"),
            VolumeSource::Efs(_) => need("ecs.capability.efs"),
        }
    }
    for container in &spec.container_definitions {
        of_container(container, spec.execution_role_arn.is_some(), &mut need);
    }
    names.into_iter().map(|name| RequiredAttribute { name, value: None }).collect()
}

fn of_container(container: &ContainerDefinition, has_execution_role: bool, need: &mut impl FnMut(&str)) {
    if let Some(logs) = &container.log_configuration {
        need(&format!("com.amazonaws.ecs.capability.logging-driver.{}", logs.log_driver));
        need("com.amazonaws.ecs.capability.docker-remote-api.1.18");
        if has_execution_role && logs.log_driver == LogDriver::Awslogs {
            need("ecs.capability.execution-role-awslogs");
            need("com.amazonaws.ecs.capability.docker-remote-api.1.19");
        }
        for secret in logs.secret_options.iter().flatten() {
            need(&format!("ecs.capability.secrets.{}.bootstrap.log-driver", provider(&secret.value_from)));
        }
    }
    firelens::need(container, need);
    if fargate::is_ecr_image(&container.image) {
        need("com.amazonaws.ecs.capability.ecr-auth");
        need("com.amazonaws.ecs.capability.docker-remote-api.1.19");
        if has_execution_role {
            need("ecs.capability.execution-role-ecr-pull");
        }
    }
    for secret in container.secrets.iter().flatten() {
        need(&format!("ecs.capability.secrets.{}.environment-variables", provider(&secret.value_from)));
    }
    if container.repository_credentials.is_some() {
        need("ecs.capability.private-registry-authentication.secretsmanager");
    }
    if container.environment_files.as_ref().is_some_and(|files| !files.is_empty()) {
        need("ecs.capability.env-files.s3");
    }
    if container.privileged == Some(true) {
        need("com.amazonaws.ecs.capability.privileged-container");
    }
    for option in container.docker_security_options.iter().flatten() {
        if option.starts_with("apparmor:") {
            need("com.amazonaws.ecs.capability.apparmor-capable");
        } else if option.starts_with("label:") {
            need("com.amazonaws.ecs.capability.selinux-capable");
        }
    }
    of_container_life(container, need);
}

/// What start, health and stop need.
fn of_container_life(container: &ContainerDefinition, need: &mut impl FnMut(&str)) {
    if container.health_check.is_some() {
        need("ecs.capability.container-health-check");
        need("com.amazonaws.ecs.capability.docker-remote-api.1.24");
    }
    let ordered = container.depends_on.as_ref().is_some_and(|all| !all.is_empty());
    if ordered || container.start_timeout.is_some() || container.stop_timeout.is_some() {
        need("ecs.capability.container-ordering");
    }
    if container.restart_policy.as_ref().is_some_and(|policy| policy.enabled) {
        need("ecs.capability.container-restart-policy");
    }
    if container.memory_reservation.is_some() {
        need("com.amazonaws.ecs.capability.docker-remote-api.1.21");
    }
    let init = container.linux_parameters.as_ref().and_then(|parameters| parameters.init_process_enabled);
    if init == Some(true) {
        need("com.amazonaws.ecs.capability.docker-remote-api.1.25");
    }
    if container.linux_parameters.is_some() {
        need("com.amazonaws.ecs.capability.docker-remote-api.1.22");
    }
}

/// Where a secret is kept: `asm` for Secrets Manager, `ssm` for the parameter store.
fn provider(value_from: &str) -> &'static str {
    if value_from.starts_with("arn:aws:secretsmanager:") { "asm" } else { "ssm" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::rules::sample;

    #[test]
    fn compatibility_follows_the_network_mode() {
        let mut spec = sample::spec();
        assert_eq!(compatibilities(&spec), [Compatibility::Ec2, Compatibility::Fargate]);
        spec.network_mode = None;
        assert_eq!(compatibilities(&spec), [Compatibility::External, Compatibility::Ec2]);
    }

    #[test]
    fn a_fargate_task_from_ecr_needs_what_ecs_says() {
        let mut spec = sample::spec();
        spec.execution_role_arn = Some("arn:aws:iam::123456789012:role/x".into());
        spec.container_definitions[0].image = "123456789012.dkr.ecr.us-east-2.amazonaws.com/web:1".into();
        let names: Vec<String> = required(&spec).into_iter().map(|attribute| attribute.name).collect();
        assert_eq!(
            names,
            [
                "com.amazonaws.ecs.capability.docker-remote-api.1.18",
                "com.amazonaws.ecs.capability.docker-remote-api.1.19",
                "com.amazonaws.ecs.capability.ecr-auth",
                "ecs.capability.execution-role-ecr-pull",
                "ecs.capability.task-eni",
            ]
        );
    }
}
