//! What the node announces of itself, in the attributes that the ECS agent announces.
//!
//! Placement compares them with what a task definition requires. A capability is named here when the node acts on
//! it; what only the control plane refuses for now (secrets) is the control plane's to refuse.

use crate::logs;

/// Capabilities with a name of their own.
const CAPABILITIES: [&str; 35] = [
    "com.amazonaws.ecs.capability.ecr-auth",
    "com.amazonaws.ecs.capability.logging-driver.awsfirelens",
    "com.amazonaws.ecs.capability.logging-driver.awslogs",
    "com.amazonaws.ecs.capability.logging-driver.fluentd",
    "com.amazonaws.ecs.capability.logging-driver.gelf",
    "com.amazonaws.ecs.capability.logging-driver.json-file",
    "com.amazonaws.ecs.capability.logging-driver.none",
    "com.amazonaws.ecs.capability.logging-driver.splunk",
    "com.amazonaws.ecs.capability.logging-driver.syslog",
    "com.amazonaws.ecs.capability.privileged-container",
    "com.amazonaws.ecs.capability.task-iam-role",
    "com.amazonaws.ecs.capability.task-iam-role-network-host",
    "ecs.capability.aws-appmesh",
    "ecs.capability.container-health-check",
    "ecs.capability.container-ordering",
    "ecs.capability.container-restart-policy",
    "ecs.capability.docker-plugin.local",
    "ecs.capability.env-files.s3",
    "ecs.capability.execution-role-awslogs",
    "ecs.capability.execution-role-ecr-pull",
    "ecs.capability.firelens.fluentbit",
    "ecs.capability.firelens.fluentd",
    "ecs.capability.firelens.non-root-user",
    "ecs.capability.firelens.options.config.file",
    "ecs.capability.firelens.options.config.s3",
    "ecs.capability.logging-driver.awsfirelens.log-driver-buffer-limit",
    "ecs.capability.network.container-port-range",
    "ecs.capability.pid-ipc-namespace-sharing",
    "ecs.capability.private-registry-authentication.secretsmanager",
    "ecs.capability.secrets.asm.bootstrap.log-driver",
    "ecs.capability.secrets.asm.environment-variables",
    "ecs.capability.secrets.ssm.bootstrap.log-driver",
    "ecs.capability.secrets.ssm.environment-variables",
    "ecs.capability.task-cpu-mem-limit",
    "ecs.capability.task-eni",
];

/// Versions of Docker's API whose settings of a container are understood: the agent's names for them.
const DOCKER_APIS: std::ops::RangeInclusive<u32> = 17..=44;

/// Announced where the node has a journal.
const JOURNALD: &str = "com.amazonaws.ecs.capability.logging-driver.journald";
/// What a node can do only where network file systems can be mounted and are named.
const FILE_SYSTEMS: &str = "ecs.capability.efs";

/// The attributes; capabilities have no value.
pub fn attributes(serves_file_systems: bool) -> impl Iterator<Item = (String, String)> {
    let apis = DOCKER_APIS.map(|minor| format!("com.amazonaws.ecs.capability.docker-remote-api.1.{minor}"));
    let named =
        CAPABILITIES.into_iter().chain(serves_file_systems.then_some(FILE_SYSTEMS)).map(str::to_owned);
    let journald = logs::has_journal().then(|| JOURNALD.to_owned());
    named.chain(journald).chain(apis).map(|name| (name, String::new()))
}
