//! What ECS fills into a task definition before it checks and stores it.
//!
//! Only what DescribeTaskDefinition then shows: other defaults are applied where they act.

use model::ecs::container_definition::{HealthCheck, PortMapping, TransportProtocol};
use model::ecs::task_definition::{NetworkMode, TaskDefinitionSpec};

/// Fills the defaults into `spec`. Doing so again changes nothing.
pub(crate) fn fill(mut spec: TaskDefinitionSpec) -> TaskDefinitionSpec {
    // Deployment tools send a role that is not there as an empty text.
    for role in [&mut spec.task_role_arn, &mut spec.execution_role_arn] {
        role.take_if(|role| role.is_empty());
    }
    let mode = spec.effective_network_mode();
    for container in &mut spec.container_definitions {
        for mapping in &mut container.port_mappings {
            fill_port(mapping, mode);
        }
        if let Some(health) = &mut container.health_check {
            fill_health(health);
        }
    }
    spec
}

fn fill_port(mapping: &mut PortMapping, mode: NetworkMode) {
    mapping.protocol.get_or_insert(TransportProtocol::Tcp);
    if mapping.container_port_range.is_some() {
        return;
    }
    match mode {
        // The task's own (or the host's) port is the container's.
        NetworkMode::Awsvpc | NetworkMode::Host => {
            if mapping.host_port.is_none_or(|port| port == 0) {
                mapping.host_port = mapping.container_port;
            }
        }
        NetworkMode::Bridge => {
            mapping.host_port.get_or_insert(0);
        }
        NetworkMode::None => {}
    }
}

fn fill_health(health: &mut HealthCheck) {
    health.interval.get_or_insert(30);
    health.timeout.get_or_insert(5);
    health.retries.get_or_insert(3);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::rules::sample;

    #[test]
    fn an_empty_role_is_none() {
        let mut spec = sample::spec();
        spec.task_role_arn = Some(String::new());
        assert_eq!(fill(spec).task_role_arn, None);
    }

    fn check(mode: NetworkMode, host_port: Option<u16>, expected: Option<u16>) {
        let mut spec = sample::spec();
        spec.network_mode = Some(mode);
        spec.container_definitions[0].port_mappings = vec![PortMapping {
            container_port: Some(80),
            host_port,
            protocol: None,
            name: None,
            app_protocol: None,
            container_port_range: None,
        }];
        let filled = fill(spec);
        let mapping = &filled.container_definitions[0].port_mappings[0];
        assert_eq!((mapping.host_port, mapping.protocol), (expected, Some(TransportProtocol::Tcp)));
        assert_eq!(fill(filled.clone()), filled);
    }

    #[test]
    fn host_ports_follow_the_network_mode() {
        check(NetworkMode::Awsvpc, None, Some(80));
        check(NetworkMode::Awsvpc, Some(0), Some(80));
        check(NetworkMode::Host, None, Some(80));
        check(NetworkMode::Bridge, None, Some(0));
        check(NetworkMode::Bridge, Some(8080), Some(8080));
    }
}
