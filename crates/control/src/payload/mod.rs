//! A task in the words of the agent link: what a node is sent about it.
//!
//! The task definition and the task's overrides become one [`link::Task`]; overrides are
//! applied here, so that a node never sees them. Pure: record in, message out.

mod container;
mod docker;
mod volume;

use std::collections::BTreeMap;

use model::ecs::task::Attachment;
use model::ecs::task_definition::{ProxyConfiguration, TaskDefinition};
use model::ecs::{DesiredStatus, Task};
use services::ec2;
use wire::link;

/// Where a task asks for names: the node answers there, inside of the task's network.
const RESOLVER: &str = "169.254.169.253";

/// What the message tells beyond task and definition.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The VPC of the task's interface.
    pub vpc_id: Option<String>,
    /// The gateway of the interface's subnet with its prefix length, such as `10.64.0.1/20`.
    pub gateway: Option<String>,
    /// Prefix length of the subnet.
    pub subnet_prefix: Option<u8>,
    /// Credentials of the task's role.
    pub role: Option<link::RoleCredentials>,
    /// The `mode` of a log configuration that names none.
    pub log_mode: Option<String>,
    /// The names that lead to the task's proxy.
    pub proxy_names: Vec<link::ProxyName>,
}

/// Writes the message about `task`, which is an instance of `definition`.
pub fn task(task: &Task, definition: &TaskDefinition, around: &Surroundings) -> link::Task {
    let spec = &definition.spec;
    let mode = task.spec.network_mode;
    link::Task {
        arn: task.arn().to_string(),
        family: task.spec.definition.family.to_string(),
        version: task.spec.definition.revision.to_string(),
        desired_status: task.desired_status.to_string(),
        task_definition_account_id: task.scope.account.to_string(),
        launch_type: task.spec.launch_type.to_string(),
        network_mode: mode.to_string(),
        cpu: task.spec.cpu.map(|units| f64::from(units) / 1024.0),
        memory: task.spec.memory.map(i64::from),
        pid_mode: spec.pid_mode.map(|mode| mode.to_string()),
        ipc_mode: spec.ipc_mode.map(|mode| mode.to_string()),
        proxy_configuration: spec.proxy_configuration.as_ref().map(proxy),
        service_name: task.spec.service.as_ref().map(ToString::to_string),
        role_credentials: around.role.clone(),
        execution_role_credentials: None,
        elastic_network_interfaces: task
            .attachments
            .iter()
            .filter_map(|a| interface(task, a, around))
            .collect(),
        volumes: spec.volumes.iter().map(volume::volume).collect(),
        containers: container::containers(task, definition, around),
        longshore: Some(extras(task, around)),
    }
}

/// The message that stops a task: its name and nothing that could start it.
pub fn stop(task: &Task) -> link::Task {
    link::Task {
        arn: task.arn().to_string(),
        family: task.spec.definition.family.to_string(),
        version: task.spec.definition.revision.to_string(),
        desired_status: DesiredStatus::Stopped.to_string(),
        task_definition_account_id: task.scope.account.to_string(),
        launch_type: task.spec.launch_type.to_string(),
        network_mode: task.spec.network_mode.to_string(),
        cpu: None,
        memory: None,
        pid_mode: None,
        ipc_mode: None,
        proxy_configuration: None,
        service_name: None,
        role_credentials: None,
        execution_role_credentials: None,
        elastic_network_interfaces: Vec::new(),
        volumes: Vec::new(),
        containers: Vec::new(),
        longshore: Some(extras(task, &Surroundings::default())),
    }
}

fn proxy(proxy: &ProxyConfiguration) -> link::ProxyConfiguration {
    let properties = proxy.properties.iter().flatten();
    link::ProxyConfiguration {
        kind: "APPMESH".to_owned(),
        container_name: proxy.container_name.to_string(),
        properties: properties.map(|pair| (pair.name.clone(), pair.value.clone())).collect(),
    }
}

fn extras(task: &Task, around: &Surroundings) -> link::TaskExtras {
    link::TaskExtras {
        cluster_arn: task.cluster.arn(&task.scope).to_string(),
        region: task.scope.region.to_string(),
        availability_zone: task.seen.availability_zone.clone().unwrap_or_default(),
        vpc_id: around.vpc_id.clone(),
        subnet_prefix: around.subnet_prefix,
        group: task.spec.group.clone(),
        tags: task.tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect::<BTreeMap<_, _>>(),
        platform_version: task.spec.platform_version.clone(),
        ephemeral_storage_gib: task.spec.ephemeral_storage.map(|storage| storage.size_in_gib),
        enable_execute_command: task.spec.enable_execute_command,
        proxy_names: around.proxy_names.clone(),
    }
}

fn interface(
    task: &Task,
    attachment: &Attachment,
    around: &Surroundings,
) -> Option<link::ElasticNetworkInterface> {
    let detail = |name: &str| attachment.details.iter().find(|d| d.name == name).map(|d| d.value.clone());
    Some(link::ElasticNetworkInterface {
        ec2_id: detail("networkInterfaceId")?,
        attachment_arn: attachment_arn(task, attachment),
        mac_address: detail("macAddress")?,
        index: 0,
        ipv4_addresses: vec![link::Ipv4Address {
            primary: true,
            private_address: detail("privateIPv4Address")?,
        }],
        subnet_gateway_ipv4_address: around.gateway.clone()?,
        domain_name_servers: vec![RESOLVER.to_owned()],
        domain_name: vec![ec2::names::domain(&task.scope.region)],
        private_dns_name: detail("privateDnsName"),
    })
}

/// `attachment/CLUSTER/ID`.
fn attachment_arn(task: &Task, attachment: &Attachment) -> String {
    model::Arn::new("ecs", &task.scope, format!("attachment/{}/{}", task.cluster, attachment.id)).to_string()
}
