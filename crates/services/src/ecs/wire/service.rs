//! Services: requests parsed, and what answers are written from.

use model::Arn;
use model::ecs::deployment::{DeploymentStatus, MonitorStatus, RolloutState, ServiceDeploymentStatus};
use model::ecs::placement::{PlacementStrategy, TaskPlacementConstraint};
use model::ecs::service::{DeploymentControllerType, PropagateTags, SchedulingStrategy, ServiceStatus};
use model::ecs::service_revision::{RevisionSpec, ServiceLoadBalancer, TrafficShift};
use model::ecs::task::AwsvpcConfiguration;
use model::ecs::text::TextEnum;
use model::ecs::volume::Switch;
use wire::ecs as shape;

use super::convert::{Wire, words};
use crate::ecs::error::Error;

words!(
    DeploymentControllerType,
    DeploymentStatus,
    MonitorStatus,
    PropagateTags,
    RolloutState,
    SchedulingStrategy,
    ServiceDeploymentStatus,
    ServiceStatus,
);

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
        let target_group_arn = shape.target_group_arn.filter(|arn| !arn.is_empty());
        let target_group_arn = target_group_arn.ok_or_else(|| invalid("targetGroupArn cannot be empty."))?;
        let container_name = shape.container_name.filter(|name| !name.is_empty());
        let container_name = container_name.ok_or_else(|| invalid("containerName cannot be empty."))?;
        let port = shape.container_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        let container_port = port.ok_or_else(|| invalid("containerPort must be between 1 and 65535."))?;
        let shift = shape.advanced_configuration.map(traffic_shift).transpose()?;
        Ok(ServiceLoadBalancer { target_group_arn, container_name, container_port, shift })
    };
    shapes.into_iter().map(read).collect()
}

fn traffic_shift(shape: shape::AdvancedConfiguration) -> Result<TrafficShift, Error> {
    let required = |member: &str, value: Option<String>| {
        let value = value.filter(|value| !value.is_empty());
        value.ok_or_else(|| invalid(format!("{member} cannot be empty in advancedConfiguration.")))
    };
    let role_arn = required("roleArn", shape.role_arn)?;
    let role: Option<Arn> = role_arn.parse().ok();
    if !role.is_some_and(|role| role.service == "iam" && role.resource.starts_with("role/")) {
        return Err(invalid(format!("The role {role_arn} is not a valid role ARN.")));
    }
    Ok(TrafficShift {
        alternate_target_group_arn: required("alternateTargetGroupArn", shape.alternate_target_group_arn)?,
        production_rule_arn: required("productionListenerRule", shape.production_listener_rule)?,
        test_rule_arn: shape.test_listener_rule.filter(|arn| !arn.is_empty()),
        role_arn,
    })
}

/// Writes load balancers.
pub(crate) fn write_load_balancers(all: &[ServiceLoadBalancer]) -> Vec<shape::LoadBalancer> {
    let write = |one: &ServiceLoadBalancer| shape::LoadBalancer {
        target_group_arn: Some(one.target_group_arn.clone()),
        container_name: Some(one.container_name.clone()),
        container_port: Some(i32::from(one.container_port)),
        advanced_configuration: one.shift.as_ref().map(|shift| shape::AdvancedConfiguration {
            alternate_target_group_arn: Some(shift.alternate_target_group_arn.clone()),
            production_listener_rule: Some(shift.production_rule_arn.clone()),
            test_listener_rule: shift.test_rule_arn.clone(),
            role_arn: Some(shift.role_arn.clone()),
        }),
        ..Default::default()
    };
    all.iter().map(write).collect()
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
