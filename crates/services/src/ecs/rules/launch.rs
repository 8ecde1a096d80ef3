//! Launching: what RunTask may be asked for, and the tasks that it makes.
//!
//! Texts are ECS's, from its API reference, "RunTask", and as its users quote them.

use std::collections::BTreeMap;

use model::ecs::cluster::{Cluster, StrategyItem};
use model::ecs::container_definition::ContainerDefinition;
use model::ecs::status::LastStatus;
use model::ecs::supervision::Supervision;
use model::ecs::task::{AwsvpcConfiguration, LaunchType, Task, TaskSeen, TaskSpec};
use model::ecs::task_container::{ContainerSeen, ManagedAgent, ManagedAgentName, TaskContainer};
use model::ecs::task_definition::{Compatibility, NetworkMode, TaskDefinition, TaskDefinitionStatus};
use model::ecs::{
    ContainerInstanceId, ContainerStatus, DesiredStatus, ServiceName, Tags, TaskId, TaskOverride,
};
use model::{IdSource, Timestamp};

use super::placement::Wishes;
use super::{port, size, strategy};
use crate::ecs::error::Error;

/// What RunTask was asked for, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// How many tasks: 1 to 10.
    pub count: usize,
    /// The launch type, if named.
    pub launch_type: Option<LaunchType>,
    /// The strategy, if named.
    pub strategy: Vec<StrategyItem>,
    /// The platform version, if named.
    pub platform_version: Option<String>,
    /// Where interfaces go.
    pub network: Option<AwsvpcConfiguration>,
    /// Which container instances, of those there are.
    pub wishes: Wishes,
    /// Changes of the definition.
    pub overrides: TaskOverride,
    /// The group, if named.
    pub group: Option<String>,
    /// Who starts it, if named.
    pub started_by: Option<String>,
    /// Tags of the request.
    pub tags: Tags,
    /// Whether the definition's tags are copied.
    pub propagate_definition_tags: bool,
    /// Whether commands may be executed in the tasks.
    pub execute_command: bool,
    /// Whether ECS adds its own tags.
    pub managed_tags: bool,
    /// The idempotency token.
    pub client_token: Option<String>,
    /// The service that the tasks belong to.
    pub service: Option<ServiceName>,
    /// Whether Service Connect is on.
    pub connects: bool,
}

/// The capacity that each task goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// The launch type.
    pub launch_type: LaunchType,
    /// The provider, when a strategy chose.
    pub provider: Option<String>,
    /// The container instance, when the caller chose.
    pub instance: Option<ContainerInstanceId>,
}

/// Finds the capacity of each task: the launch type, the strategy, or the cluster's default strategy; EC2 at last.
pub(crate) fn capacities(launch: &Launch, cluster: &Cluster) -> Result<Vec<Capacity>, Error> {
    if launch.launch_type.is_some() && !launch.strategy.is_empty() {
        return Err(Error::InvalidParameter(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
                .into(),
        ));
    }
    if let Some(launch_type) = launch.launch_type {
        return Ok(vec![Capacity { launch_type, provider: None, instance: None }; launch.count]);
    }
    let chosen = if launch.strategy.is_empty() {
        &cluster.default_capacity_provider_strategy
    } else {
        &launch.strategy
    };
    if chosen.is_empty() {
        return Ok(vec![
            Capacity { launch_type: LaunchType::Ec2, provider: None, instance: None };
            launch.count
        ]);
    }
    let providers = strategy::assign(chosen, launch.count);
    if providers.len() < launch.count {
        return Err(Error::InvalidParameter(
            "The specified capacity provider strategy must have at least one capacity provider with a weight greater \
             than zero."
                .into(),
        ));
    }
    Ok(providers
        .into_iter()
        .map(|name| Capacity { launch_type: LaunchType::Fargate, provider: Some(name), instance: None })
        .collect())
}

/// Checks that the definition can run as it is asked to.
pub(crate) fn check(
    launch: &Launch,
    definition: &TaskDefinition,
    launch_type: LaunchType,
) -> Result<(), Error> {
    let refuse = |text: String| Err(Error::InvalidParameter(text));
    // A service goes on with the definition that it was given.
    let is_usable = match definition.status {
        TaskDefinitionStatus::Active => true,
        TaskDefinitionStatus::Inactive => launch.service.is_some(),
        TaskDefinitionStatus::DeleteInProgress => false,
    };
    if !is_usable {
        return Err(Error::Client("TaskDefinition is inactive".into()));
    }
    let needed = match launch_type {
        LaunchType::Fargate => Compatibility::Fargate,
        LaunchType::Ec2 => Compatibility::Ec2,
        LaunchType::External => Compatibility::External,
        LaunchType::ManagedInstances => Compatibility::ManagedInstances,
    };
    if !definition.compatibilities.contains(&needed) {
        return refuse(format!("Task definition does not support launch_type {launch_type}."));
    }
    match (definition.spec.effective_network_mode(), &launch.network) {
        (NetworkMode::Awsvpc, None) => {
            return refuse(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.".into(),
            );
        }
        (NetworkMode::Bridge | NetworkMode::Host | NetworkMode::None, Some(_)) => {
            return refuse(
                "Network Configuration is not valid for the given networkMode of this task definition."
                    .into(),
            );
        }
        (NetworkMode::Awsvpc, Some(_))
        | (NetworkMode::Bridge | NetworkMode::Host | NetworkMode::None, None) => {}
    }
    check_served(definition)?;
    check_overrides(launch, definition)?;
    launch.wishes.constraints_for(&definition.spec.placement_constraints)?;
    if launch_type == LaunchType::Fargate {
        check_fargate(launch, definition)?;
    } else if launch.platform_version.is_some() {
        return refuse("The platform version must be null when specifying an EC2 launch type.".into());
    }
    Ok(())
}

/// Settings that are kept with a definition and that nothing acts on yet: a task must not run as if it had them.
fn check_served(definition: &TaskDefinition) -> Result<(), Error> {
    let any = |of: fn(&ContainerDefinition) -> bool| definition.spec.container_definitions.iter().any(of);
    let log_secrets = |c: &ContainerDefinition| {
        c.log_configuration
            .as_ref()
            .is_some_and(|log| log.secret_options.as_ref().is_some_and(|all| !all.is_empty()))
    };
    let unserved = [
        (any(|c| c.secrets.as_ref().is_some_and(|all| !all.is_empty())) || any(log_secrets), "Secrets"),
        (any(|c| c.repository_credentials.is_some()), "Repository credentials"),
    ];
    match unserved.iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(Error::UnsupportedFeature(format!("{what} are not supported."))),
        None => Ok(()),
    }
}

fn check_overrides(launch: &Launch, definition: &TaskDefinition) -> Result<(), Error> {
    for change in &launch.overrides.container_overrides {
        let name = &change.name;
        let container = definition.container(name).ok_or_else(|| {
            Error::InvalidParameter(format!(
                "Override for container named {name} is not a container in the TaskDefinition."
            ))
        })?;
        let memory = change.memory.or(container.memory);
        let reservation = change.memory_reservation.or(container.memory_reservation);
        if let (Some(memory), Some(reservation)) = (memory, reservation)
            && reservation > memory
        {
            return Err(Error::InvalidParameter(format!(
                "Invalid setting for container '{name}'. 'memory' must be greater than or equal to \
                 'memoryReservation'."
            )));
        }
    }
    Ok(())
}

fn check_fargate(launch: &Launch, definition: &TaskDefinition) -> Result<(), Error> {
    let unserved = [
        (launch.wishes.constraints.is_empty(), "Placement constraints"),
        (launch.wishes.strategies.is_empty(), "Placement strategies"),
    ];
    if let Some((_, what)) = unserved.iter().find(|(is_empty, _)| !is_empty) {
        return Err(Error::InvalidParameter(format!("{what} are not supported with FARGATE launch type.")));
    }
    let cpu = launch.overrides.cpu.or(definition.spec.cpu);
    let memory = launch.overrides.memory.or(definition.spec.memory);
    let (Some(cpu), Some(memory)) = (cpu, memory) else {
        return Err(Error::InvalidParameter("Fargate requires that 'cpu' and 'memory' be defined.".into()));
    };
    size::check_fargate(cpu, memory)?;
    match launch.platform_version.as_deref() {
        None | Some("LATEST" | "1.4.0" | "1.3.0") => Ok(()),
        Some(unknown) => {
            Err(Error::PlatformUnknown(format!("The platform version {unknown} does not exist.")))
        }
    }
}

/// What the platform version `LATEST` stands for on Linux.
const LATEST_PLATFORM: &str = "1.4.0";

/// Writes one task: no node, no interface yet.
pub(crate) fn task(
    launch: &Launch,
    cluster: &Cluster,
    definition: &TaskDefinition,
    capacity: &Capacity,
    now: Timestamp,
    ids: &mut dyn IdSource,
) -> Task {
    let fargate = capacity.launch_type == LaunchType::Fargate;
    let spec = &definition.spec;
    let platform = launch.platform_version.as_deref().filter(|version| *version != "LATEST");
    Task {
        scope: cluster.scope.clone(),
        cluster: cluster.name.clone(),
        id: TaskId::new(ids.hex32()).expect("32 hexadecimal digits are a task id"),
        spec: TaskSpec {
            definition: definition.id.clone(),
            network_mode: spec.effective_network_mode(),
            launch_type: capacity.launch_type,
            capacity_provider: capacity.provider.clone(),
            platform_version: fargate.then(|| platform.unwrap_or(LATEST_PLATFORM).to_owned()),
            platform_family: fargate.then(|| "Linux".to_owned()),
            cpu_architecture: fargate.then(|| {
                let platform = spec.runtime_platform.and_then(|platform| platform.cpu_architecture);
                platform.unwrap_or(model::ecs::node::CpuArchitecture::X86_64)
            }),
            cpu: launch.overrides.cpu.or(spec.cpu),
            memory: launch.overrides.memory.or(spec.memory),
            ephemeral_storage: ephemeral_storage(launch, definition, fargate),
            overrides: launch.overrides.clone(),
            network: launch.network.clone(),
            host_ports: port::of_host(&spec.container_definitions, spec.effective_network_mode()),
            group: launch.group.clone().or_else(|| Some(format!("family:{}", definition.id.family))),
            started_by: launch.started_by.clone(),
            service: launch.service.clone(),
            enable_execute_command: launch.execute_command,
            connects: launch.connects,
            client_token: launch.client_token.clone(),
        },
        desired_status: DesiredStatus::Running,
        node: None,
        container_instance: None,
        seen: TaskSeen::new(now, LastStatus::Provisioning),
        containers: spec.container_definitions.iter().map(|c| container(launch, c, ids)).collect(),
        attachments: Vec::new(),
        tags: tags(launch, cluster, definition),
        supervision: Supervision::default(),
        version: 1,
    }
}

/// Fargate gives every task 20 GiB, and more where it is asked for.
fn ephemeral_storage(
    launch: &Launch,
    definition: &TaskDefinition,
    fargate: bool,
) -> Option<model::ecs::task_definition::EphemeralStorage> {
    const FARGATE_GIB: u32 = 20;
    let asked = launch.overrides.ephemeral_storage.or(definition.spec.ephemeral_storage);
    let default = model::ecs::task_definition::EphemeralStorage { size_in_gib: FARGATE_GIB };
    asked.or(fargate.then_some(default))
}

fn container(launch: &Launch, definition: &ContainerDefinition, ids: &mut dyn IdSource) -> TaskContainer {
    let change = launch.overrides.container_overrides.iter().find(|o| o.name == definition.name.as_str());
    TaskContainer {
        id: ids.uuid(),
        name: definition.name.clone(),
        image: definition.image.clone(),
        essential: definition.essential,
        has_health_check: definition.health_check.is_some(),
        cpu: change.and_then(|o| o.cpu).unwrap_or(definition.cpu),
        memory: change.and_then(|o| o.memory).or(definition.memory),
        memory_reservation: change.and_then(|o| o.memory_reservation).or(definition.memory_reservation),
        seen: ContainerSeen { managed_agents: agents(launch), ..ContainerSeen::default() },
    }
}

/// The agent through which commands come, when they may.
fn agents(launch: &Launch) -> Vec<ManagedAgent> {
    let agent = ManagedAgent {
        name: ManagedAgentName::ExecuteCommandAgent,
        last_status: ContainerStatus::Pending,
        last_started_at: None,
        reason: None,
    };
    if launch.execute_command { vec![agent] } else { Vec::new() }
}

/// The request's tags win over the definition's; ECS's own come last.
fn tags(launch: &Launch, cluster: &Cluster, definition: &TaskDefinition) -> Tags {
    let mut tags = if launch.propagate_definition_tags { definition.tags.clone() } else { BTreeMap::new() };
    tags.extend(launch.tags.clone());
    if launch.managed_tags {
        tags.insert("aws:ecs:clusterName".into(), cluster.name.to_string());
        if let Some(service) = &launch.service {
            tags.insert("aws:ecs:serviceName".into(), service.to_string());
        }
    }
    tags
}
