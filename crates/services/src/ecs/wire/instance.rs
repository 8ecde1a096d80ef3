//! Container instances: model to shapes. Attributes and placement wishes: both ways.

use std::collections::BTreeMap;

use model::ecs::container_definition::TransportProtocol;
use model::ecs::container_instance::ContainerInstanceStatus;
use model::ecs::node::HostPort;
use model::ecs::placement::{ConstraintType, PlacementStrategy, StrategyType, TaskPlacementConstraint};
use model::ecs::{NodeLoad, TextEnum};
use store::Snapshot;
use wire::ecs as shape;

use super::cluster::write_tags;
use crate::ecs::error::Error;
use crate::ecs::instances::{Member, task_counts};
use crate::ecs::rules::placement::Wishes;

/// Members of a container instance that are shown only to those who ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Include {
    /// `TAGS`
    pub tags: bool,
    /// `CONTAINER_INSTANCE_HEALTH`
    pub health: bool,
}

/// Writes a container instance with its counters as of `snapshot`.
pub(crate) fn write_instance(
    snapshot: &Snapshot,
    member: &Member,
    include: Include,
) -> shape::ContainerInstance {
    let (row, node) = (&member.row, &member.node);
    let (running, pending) = task_counts(snapshot, row);
    let registered = NodeLoad::none(node.id.clone());
    let connected = node.connected && row.status != ContainerInstanceStatus::Inactive;
    shape::ContainerInstance {
        container_instance_arn: Some(row.arn().to_string()),
        ec2_instance_id: Some(row.ec2_instance_id.clone()),
        version: Some(i64::try_from(row.version).unwrap_or(i64::MAX)),
        version_info: Some(shape::VersionInfo {
            agent_version: Some(node.agent_version.clone()),
            ..shape::VersionInfo::default()
        }),
        remaining_resources: Some(resources(member, &member.load)),
        registered_resources: Some(resources(member, &registered)),
        status: Some(row.status.to_string()),
        agent_connected: Some(connected),
        running_tasks_count: Some(number(running)),
        pending_tasks_count: Some(number(pending)),
        attributes: Some(write_attributes(&member.attributes())),
        registered_at: Some(row.registered_at.as_millis()),
        attachments: Some(Vec::new()),
        tags: Some(if include.tags { write_tags(&row.tags) } else { Vec::new() }),
        // Deviation: nothing checks the machine's health beyond its connection, and no more is claimed.
        health_status: include.health.then(|| shape::ContainerInstanceHealthStatus {
            overall_status: Some("INSUFFICIENT_DATA".into()),
            details: Some(Vec::new()),
        }),
        ..shape::ContainerInstance::default()
    }
}

/// CPU and memory that `load` leaves free, and the ports that are taken: ECS lists those, not the free ones.
fn resources(member: &Member, load: &NodeLoad) -> Vec<shape::Resource> {
    let integer = |name: &str, value: u32| shape::Resource {
        name: Some(name.into()),
        r#type: Some("INTEGER".into()),
        double_value: Some(0.0),
        long_value: Some(0),
        integer_value: Some(number(value)),
        string_set_value: None,
    };
    let ports = |name: &str, protocol: TransportProtocol| {
        let all = member.reserved_ports().chain(load.ports.iter().copied());
        let of_protocol = all.filter(|port: &HostPort| port.protocol == protocol);
        shape::Resource {
            name: Some(name.into()),
            r#type: Some("STRINGSET".into()),
            double_value: Some(0.0),
            long_value: Some(0),
            integer_value: Some(0),
            string_set_value: Some(of_protocol.map(|port| port.port.to_string()).collect()),
        }
    };
    vec![
        integer("CPU", member.node.cpu_units.saturating_sub(load.cpu_units)),
        integer("MEMORY", member.node.memory_mib.saturating_sub(load.memory_mib)),
        ports("PORTS", TransportProtocol::Tcp),
        ports("PORTS_UDP", TransportProtocol::Udp),
    ]
}

fn write_attributes(all: &BTreeMap<String, Option<String>>) -> Vec<shape::Attribute> {
    let attribute = |(name, value): (&String, &Option<String>)| shape::Attribute {
        name: name.clone(),
        value: value.clone(),
        target_type: None,
        target_id: None,
    };
    all.iter().map(attribute).collect()
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Reads the placement wishes of a request, and checks them.
pub(crate) fn read_wishes(
    constraints: Option<Vec<shape::PlacementConstraint>>,
    strategies: Option<Vec<shape::PlacementStrategy>>,
) -> Result<Wishes, Error> {
    let constraint = |shape: shape::PlacementConstraint| {
        let kind = shape.r#type.as_deref().and_then(ConstraintType::parse);
        let kind = kind.ok_or_else(|| {
            Error::InvalidParameter(
                "Placement constraint type must be one of [distinctInstance, memberOf].".into(),
            )
        })?;
        Ok(TaskPlacementConstraint { kind, expression: shape.expression })
    };
    let strategy = |shape: shape::PlacementStrategy| {
        let kind = shape.r#type.as_deref().and_then(StrategyType::parse);
        let kind = kind.ok_or_else(|| {
            Error::InvalidParameter(
                "Placement strategy type must be one of [random, spread, binpack].".into(),
            )
        })?;
        Ok(PlacementStrategy { kind, field: shape.field })
    };
    let wishes = Wishes {
        constraints: constraints.into_iter().flatten().map(constraint).collect::<Result<_, Error>>()?,
        strategies: strategies.into_iter().flatten().map(strategy).collect::<Result<_, Error>>()?,
    };
    wishes.check()?;
    Ok(wishes)
}
