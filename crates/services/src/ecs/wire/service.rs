//! Services: requests parsed, and what answers are written from.

use model::ecs::deployment::{
    CircuitBreaker, DeploymentConfiguration, DeploymentStatus, DeploymentStrategy, MonitorStatus,
    RolloutState, ServiceDeploymentStatus, Threshold, ThresholdType,
};
use model::ecs::placement::{PlacementStrategy, TaskPlacementConstraint};
use model::ecs::service::{DeploymentControllerType, PropagateTags, SchedulingStrategy, ServiceStatus};
use model::ecs::service_revision::{RevisionSpec, ServiceLoadBalancer};
use model::ecs::task::AwsvpcConfiguration;
use model::ecs::text::TextEnum;
use model::ecs::volume::Switch;
use wire::ecs as shape;

use super::convert::{Wire, mirror, words};
use crate::ecs::error::Error;

words!(
    DeploymentControllerType,
    DeploymentStatus,
    DeploymentStrategy,
    MonitorStatus,
    PropagateTags,
    RolloutState,
    SchedulingStrategy,
    ServiceDeploymentStatus,
    ServiceStatus,
    ThresholdType,
);

mirror! {
    Threshold = ThresholdConfiguration [value] [kind = r#type];
    CircuitBreaker = DeploymentCircuitBreaker [enable, rollback, reset_on_healthy_task] [threshold = threshold_configuration];
}

fn invalid(text: impl Into<String>) -> Error {
    Error::InvalidParameter(text.into())
}

/// Reads a word of a closed set; the constraint check has refused others where the model lists them.
pub(crate) fn word<T: TextEnum>(member: &str, raw: &str) -> Result<T, Error> {
    T::parse(raw).ok_or_else(|| invalid(format!("Invalid value for {member}: {raw}")))
}

/// Reads a number that cannot be negative.
pub(crate) fn count(member: &str, raw: i32) -> Result<u32, Error> {
    u32::try_from(raw).map_err(|_| invalid(format!("{member} must be greater than or equal to 0.")))
}

/// Reads load balancers: target groups only, since the classic ones are gone.
pub(crate) fn load_balancers(shapes: Vec<shape::LoadBalancer>) -> Result<Vec<ServiceLoadBalancer>, Error> {
    if shapes.len() > 5 {
        return Err(invalid("load balancers can have at most 5 items."));
    }
    let read = |shape: shape::LoadBalancer| {
        if shape.load_balancer_name.is_some_and(|name| !name.is_empty()) {
            return Err(Error::UnsupportedFeature("Classic Load Balancers are not supported.".into()));
        }
        if shape.advanced_configuration.is_some() {
            let text = "advancedConfiguration needs the BLUE_GREEN, LINEAR or CANARY deployment strategy.";
            return Err(invalid(text));
        }
        let target_group_arn = shape.target_group_arn.filter(|arn| !arn.is_empty());
        let target_group_arn = target_group_arn.ok_or_else(|| invalid("targetGroupArn cannot be empty."))?;
        let container_name = shape.container_name.filter(|name| !name.is_empty());
        let container_name = container_name.ok_or_else(|| invalid("containerName cannot be empty."))?;
        let port = shape.container_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        let container_port = port.ok_or_else(|| invalid("containerPort must be between 1 and 65535."))?;
        Ok(ServiceLoadBalancer { target_group_arn, container_name, container_port })
    };
    shapes.into_iter().map(read).collect()
}

/// Writes load balancers.
pub(crate) fn write_load_balancers(all: &[ServiceLoadBalancer]) -> Vec<shape::LoadBalancer> {
    let write = |one: &ServiceLoadBalancer| shape::LoadBalancer {
        target_group_arn: Some(one.target_group_arn.clone()),
        container_name: Some(one.container_name.clone()),
        container_port: Some(i32::from(one.container_port)),
        ..Default::default()
    };
    all.iter().map(write).collect()
}

/// Reads a deployment configuration; what it does not name stays as in `before`.
pub(crate) fn deployment_configuration(
    shape: shape::DeploymentConfiguration,
    before: &DeploymentConfiguration,
) -> Result<DeploymentConfiguration, Error> {
    refuse_unserved(&shape)?;
    let mut next = before.clone();
    if let Some(percent) = shape.minimum_healthy_percent {
        next.minimum_healthy_percent = count("minimumHealthyPercent", percent)?;
    }
    if let Some(percent) = shape.maximum_percent {
        next.maximum_percent = count("maximumPercent", percent)?;
    }
    if let Some(breaker) = shape.deployment_circuit_breaker {
        next.circuit_breaker = Wire::from_wire(breaker)
            .map_err(|error| invalid(format!("Invalid value for {}.", error.member)))?;
    }
    Ok(next)
}

/// What ECS has and Longshore does not act on is refused, not stored.
fn refuse_unserved(shape: &shape::DeploymentConfiguration) -> Result<(), Error> {
    let any_hook = shape.lifecycle_hooks.as_ref().is_some_and(|hooks| !hooks.is_empty());
    let unserved = [
        (
            shape.strategy.as_deref().is_some_and(|word| word != "ROLLING"),
            "Deployment strategies other than ROLLING",
        ),
        (any_hook, "Deployment lifecycle hooks"),
        (shape.linear_configuration.is_some(), "Linear deployments"),
        (shape.canary_configuration.is_some(), "Canary deployments"),
        (shape.bake_time_in_minutes.is_some_and(|minutes| minutes != 0), "Bake times"),
        (shape.early_success_criteria.as_ref().is_some_and(|it| it.enable), "Early success criteria"),
        (shape.alarms.as_ref().is_some_and(|alarms| alarms.enable), "Deployment alarms"),
    ];
    match unserved.iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(Error::UnsupportedFeature(format!("{what} are not supported."))),
        None => Ok(()),
    }
}

/// Writes a deployment configuration.
pub(crate) fn write_deployment_configuration(
    configuration: &DeploymentConfiguration,
) -> shape::DeploymentConfiguration {
    shape::DeploymentConfiguration {
        deployment_circuit_breaker: Some(configuration.circuit_breaker.into_wire()),
        maximum_percent: Some(configuration.maximum_percent.into_wire()),
        minimum_healthy_percent: Some(configuration.minimum_healthy_percent.into_wire()),
        strategy: Some(configuration.strategy.to_string()),
        bake_time_in_minutes: Some(0),
        ..Default::default()
    }
}

/// Writes where interfaces go.
pub(crate) fn write_network(network: &AwsvpcConfiguration) -> shape::NetworkConfiguration {
    let assign = network.assign_public_ip.unwrap_or(Switch::Disabled);
    shape::NetworkConfiguration {
        awsvpc_configuration: Some(shape::AwsVpcConfiguration {
            subnets: network.subnets.clone(),
            security_groups: Some(network.security_groups.clone()),
            assign_public_ip: Some(assign.to_string()),
        }),
    }
}

/// What a service and a deployment show of the capacity that a revision uses.
pub(crate) struct Capacity {
    /// The launch type.
    pub launch_type: Option<String>,
    /// The strategy.
    pub strategy: Option<Vec<shape::CapacityProviderStrategyItem>>,
    /// The platform's family.
    pub platform_family: Option<String>,
}

/// Writes the capacity of a revision.
pub(crate) fn write_capacity(spec: &RevisionSpec) -> Capacity {
    Capacity {
        launch_type: spec.launch_type.into_wire(),
        strategy: if spec.strategy.is_empty() { None } else { spec.strategy.clone().into_wire() },
        platform_family: spec.is_fargate().then(|| "Linux".to_owned()),
    }
}

/// Writes placement constraints.
pub(crate) fn write_constraints(all: &[TaskPlacementConstraint]) -> Vec<shape::PlacementConstraint> {
    let write = |one: &TaskPlacementConstraint| shape::PlacementConstraint {
        r#type: Some(one.kind.to_string()),
        expression: one.expression.clone(),
    };
    all.iter().map(write).collect()
}

/// Writes placement strategies.
pub(crate) fn write_strategies(all: &[PlacementStrategy]) -> Vec<shape::PlacementStrategy> {
    let write = |one: &PlacementStrategy| shape::PlacementStrategy {
        r#type: Some(one.kind.to_string()),
        field: one.field.clone(),
    };
    all.iter().map(write).collect()
}
