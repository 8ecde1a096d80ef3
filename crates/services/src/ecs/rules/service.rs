//! Services: what members must be together, and what is filled in.
//!
//! Texts are ECS's as its users quote them.

use model::ecs::cluster::Cluster;
use model::ecs::deployment::{CircuitBreaker, DeploymentConfiguration, DeploymentStrategy};
use model::ecs::lifecycle::Shifting;
use model::ecs::placement::{PlacementStrategy, StrategyType};
use model::ecs::service::{SchedulingStrategy, ServiceSpec};
use model::ecs::service_revision::RevisionSpec;
use model::ecs::task::LaunchType;
use model::ecs::task_definition::TaskDefinition;
use model::ecs::volume::Switch;
use model::ecs::{Service, ServiceName};

use super::deployment;
use super::launch::Launch;
use super::placement::Wishes;
use crate::ecs::error::Error;

/// The configuration of a service that asks for none.
pub(crate) fn default_configuration(scheduling: SchedulingStrategy) -> DeploymentConfiguration {
    let (minimum_healthy_percent, maximum_percent) = match scheduling {
        SchedulingStrategy::Replica => (100, 200),
        SchedulingStrategy::Daemon => (0, 100),
    };
    DeploymentConfiguration {
        strategy: DeploymentStrategy::Rolling,
        minimum_healthy_percent,
        maximum_percent,
        circuit_breaker: CircuitBreaker::OFF,
        shifting: Shifting::default(),
        idle_alarms: None,
    }
}

/// Whether zones can be kept balanced: a task more must be allowed, and nothing may place tasks otherwise.
pub(crate) fn can_rebalance(
    scheduling: SchedulingStrategy,
    placement: &[PlacementStrategy],
    configuration: &DeploymentConfiguration,
) -> bool {
    let spreads = placement.first().is_none_or(|first| {
        first.kind == StrategyType::Spread
            && first.field.as_deref() == Some("attribute:ecs.availability-zone")
    });
    scheduling == SchedulingStrategy::Replica && spreads && configuration.maximum_percent > 100
}

/// Refuses to balance zones where that cannot be. Who does not ask for it gets it where it can be.
pub(crate) fn check_rebalancing(asked: Option<&str>, spec: &ServiceSpec) -> Result<(), Error> {
    let can = can_rebalance(spec.scheduling_strategy, &spec.placement_strategy, &spec.deployment);
    if asked.is_none() || spec.availability_zone_rebalancing != Switch::Enabled || can {
        return Ok(());
    }
    Err(Error::InvalidParameter(
        "availabilityZoneRebalancing needs the REPLICA scheduling strategy, a maximum percent above 100, and \
         spread over attribute:ecs.availability-zone as the first placement strategy, if there is one."
            .into(),
    ))
}

/// The name of a service.
pub(crate) fn name(raw: &str) -> Result<ServiceName, Error> {
    ServiceName::new(raw).map_err(|_| {
        Error::InvalidParameter(format!("Service name must match ^[a-zA-Z0-9\\-_]{{1,255}}$, but was {raw}"))
    })
}

/// Members of CreateService and UpdateService that Longshore does not act on: refused, not stored.
pub(crate) fn refuse_unserved(asked: &[(bool, &str)]) -> Result<(), Error> {
    match asked.iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(Error::UnsupportedFeature(format!("{what} are not supported."))),
        None => Ok(()),
    }
}

/// Whether a list was given, and with something in it.
pub(crate) fn some<T>(list: Option<&Vec<T>>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}

/// Checks a service as a whole.
pub(crate) fn check(spec: &ServiceSpec, revision: &RevisionSpec) -> Result<(), Error> {
    let refuse = |text: &str| Err(Error::InvalidParameter(text.to_owned()));
    deployment::check(spec, revision)?;
    let daemon = spec.scheduling_strategy == SchedulingStrategy::Daemon;
    if daemon && revision.is_fargate() {
        return refuse("The daemon scheduling strategy is not supported with the FARGATE launch type.");
    }
    if daemon && !spec.placement_strategy.is_empty() {
        return refuse(
            "The daemon scheduling strategy does not support placement strategies. Remove the placement strategy and \
             try again.",
        );
    }
    if revision.is_fargate() && !spec.placement_constraints.is_empty() {
        return refuse("Placement constraints are not supported with FARGATE launch type.");
    }
    if revision.is_fargate() && !spec.placement_strategy.is_empty() {
        return refuse("Placement strategies are not supported with FARGATE launch type.");
    }
    Ok(())
}

/// Checks the load balancers against the containers that are to take their traffic.
pub(crate) fn check_load_balancers(
    revision: &RevisionSpec,
    definition: &TaskDefinition,
) -> Result<(), Error> {
    for balancer in &revision.load_balancers {
        let name = &balancer.container_name;
        let container = definition.container(name).ok_or_else(|| {
            Error::InvalidParameter(format!("The container {name} does not exist in the task definition."))
        })?;
        let port = Some(balancer.container_port);
        if !container.port_mappings.iter().any(|mapping| mapping.container_port == port) {
            return Err(Error::InvalidParameter(format!(
                "The container {name} did not have a container port {} defined.",
                balancer.container_port
            )));
        }
    }
    Ok(())
}

/// The launch type of a service that names no capacity: the cluster's default strategy's, or EC2's.
pub(crate) fn default_capacity(revision: &mut RevisionSpec, cluster: &Cluster) {
    if revision.launch_type.is_some() || !revision.strategy.is_empty() {
        return;
    }
    revision.strategy.clone_from(&cluster.default_capacity_provider_strategy);
    if revision.strategy.is_empty() {
        revision.launch_type = Some(LaunchType::Ec2);
    }
}

/// How the tasks of a revision of a service are launched.
pub(crate) fn launch(service: &Service, revision: &RevisionSpec, count: usize, started_by: String) -> Launch {
    use model::ecs::service::PropagateTags;
    let spec = &service.spec;
    Launch {
        count,
        launch_type: revision.launch_type,
        strategy: revision.strategy.clone(),
        platform_version: revision.platform_version.clone(),
        network: revision.network.clone(),
        wishes: wishes(spec, revision),
        overrides: Default::default(),
        group: Some(format!("service:{}", service.name)),
        started_by: Some(started_by),
        tags: match spec.propagate_tags {
            PropagateTags::Service => service.tags.clone(),
            PropagateTags::TaskDefinition | PropagateTags::None => Default::default(),
        },
        propagate_definition_tags: spec.propagate_tags == PropagateTags::TaskDefinition,
        managed_tags: spec.enable_ecs_managed_tags,
        client_token: None,
        execute_command: spec.enable_execute_command,
        service: Some(service.name.clone()),
        connects: revision.service_connect.is_some(),
    }
}

/// Where the tasks of a service are to go among the container instances. Without a word they spread over zones.
pub(crate) fn wishes(spec: &ServiceSpec, revision: &RevisionSpec) -> Wishes {
    let spread = PlacementStrategy {
        kind: StrategyType::Spread,
        field: Some("attribute:ecs.availability-zone".into()),
    };
    let is_silent = spec.placement_strategy.is_empty() && !revision.is_fargate();
    let strategies = if is_silent { vec![spread] } else { spec.placement_strategy.clone() };
    Wishes { constraints: spec.placement_constraints.clone(), strategies }
}
