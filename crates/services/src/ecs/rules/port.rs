//! Port mappings: what each must be, and what they must not do to each other.

use std::collections::BTreeSet;

use model::ecs::container_definition::{PortMapping, TransportProtocol};
use model::ecs::node::HostPort;
use model::ecs::task_definition::NetworkMode;
use model::ecs::{ContainerDefinition, ContainerName};

use crate::ecs::error::Error;

/// The most ports that a container may map, ranges counted in full.
const MAX_MAPPED_PORTS: usize = 1000;

/// Checks the port mappings of all containers, defaults filled in.
pub(crate) fn check(containers: &[ContainerDefinition], mode: NetworkMode) -> Result<(), Error> {
    let mut host_ports = BTreeSet::new();
    let mut names = BTreeSet::new();
    for container in containers {
        let mut mapped = 0;
        for mapping in &container.port_mappings {
            check_one(&container.name, mapping, mode)?;
            mapped += mapping.container_port_range.map_or(1, |r| usize::from(r.last() - r.first()) + 1);
            if let Some(name) = &mapping.name
                && !names.insert(name)
            {
                return Err(Error::container_setting_because(
                    "portMappings.name",
                    &container.name,
                    "Names of port mappings must be unique in the task definition.",
                ));
            }
            claim(&mut host_ports, mapping)?;
        }
        if mapped > MAX_MAPPED_PORTS {
            return Err(Error::container_setting("portMappings", &container.name));
        }
    }
    Ok(())
}

/// Ports of the machine that the containers take for themselves: all of them in `host` mode, those with a number
/// in `bridge` mode. Those without one are chosen by the node.
pub(crate) fn of_host(containers: &[ContainerDefinition], mode: NetworkMode) -> Vec<HostPort> {
    let mappings = containers.iter().flat_map(|container| &container.port_mappings);
    let taken = mappings.filter_map(|mapping| {
        let protocol = mapping.protocol.unwrap_or(TransportProtocol::Tcp);
        let port = match mode {
            NetworkMode::Host => mapping.host_port.or(mapping.container_port),
            NetworkMode::Bridge => mapping.host_port,
            NetworkMode::Awsvpc | NetworkMode::None => None,
        };
        port.filter(|port| *port != 0).map(|port| HostPort { protocol, port })
    });
    taken.collect()
}

fn check_one(container: &ContainerName, mapping: &PortMapping, mode: NetworkMode) -> Result<(), Error> {
    let refuse = |member: &str| Err(Error::container_setting(member, container));
    match (mapping.container_port, mapping.container_port_range) {
        (None | Some(0), None) => return refuse("containerPort"),
        (Some(_), None) => {}
        (None, Some(_)) if mapping.host_port.is_none() => {}
        (_, Some(_)) => return refuse("containerPortRange"),
    }
    if let Some(name) = &mapping.name
        && !is_port_name(name)
    {
        return refuse("portMappings.name");
    }
    if mapping.app_protocol.is_some() && mapping.name.is_none() {
        return refuse("appProtocol");
    }
    match mode {
        NetworkMode::None => {
            Err(Error::Client("Port mappings are not supported when networkMode=none.".into()))
        }
        NetworkMode::Bridge => Ok(()),
        NetworkMode::Awsvpc | NetworkMode::Host => {
            if mapping.container_port_range.is_some() && mode == NetworkMode::Host {
                return refuse("containerPortRange");
            }
            if mapping.host_port == mapping.container_port {
                return Ok(());
            }
            Err(Error::Client(format!(
                "When networkMode={mode}, the host ports and container ports in port mappings must match."
            )))
        }
    }
}

/// Letters, digits, hyphens and underscores, at most 64; no hyphen first. The guide says lower-case
/// letters, but ECS's own console makes names of container names, capitals included.
fn is_port_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Claims the host's port. Port 0 is given out later, one by one.
fn claim(taken: &mut BTreeSet<(TransportProtocol, u16)>, mapping: &PortMapping) -> Result<(), Error> {
    let protocol = mapping.protocol.unwrap_or(TransportProtocol::Tcp);
    match mapping.host_port {
        None | Some(0) => Ok(()),
        Some(port) if taken.insert((protocol, port)) => Ok(()),
        Some(port) => {
            let protocol = protocol.to_string().to_uppercase();
            Err(Error::Client(format!("{protocol} host port '{port}' is mapped multiple times in task.")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::rules::sample;

    fn mapping(container: u16, host: Option<u16>) -> PortMapping {
        PortMapping {
            container_port: Some(container),
            host_port: host,
            protocol: None,
            name: None,
            app_protocol: None,
            container_port_range: None,
        }
    }

    fn check(mode: NetworkMode, mappings: Vec<PortMapping>, expected: &str) {
        let mut container = sample::container("web");
        container.port_mappings = mappings;
        let found = super::check(&[container], mode).err().map(|error| error.to_string());
        assert_eq!(found.unwrap_or_default(), expected);
    }

    #[test]
    fn a_port_is_mapped_once() {
        check(NetworkMode::Bridge, vec![mapping(80, Some(0)), mapping(81, Some(0))], "");
        check(
            NetworkMode::Bridge,
            vec![mapping(80, Some(3000)), mapping(81, Some(3000))],
            "TCP host port '3000' is mapped multiple times in task.",
        );
        let udp = PortMapping { protocol: Some(TransportProtocol::Udp), ..mapping(53, Some(53)) };
        check(NetworkMode::Awsvpc, vec![mapping(53, Some(53)), udp], "");
    }

    #[test]
    fn shared_namespaces_map_ports_to_themselves() {
        for mode in [NetworkMode::Awsvpc, NetworkMode::Host] {
            let expected = format!(
                "When networkMode={mode}, the host ports and container ports in port mappings must match."
            );
            check(mode, vec![mapping(80, Some(8080))], &expected);
        }
        check(
            NetworkMode::None,
            vec![mapping(80, None)],
            "Port mappings are not supported when networkMode=none.",
        );
    }

    #[test]
    fn port_zero_and_bad_names_are_refused() {
        check(
            NetworkMode::Awsvpc,
            vec![mapping(0, Some(0))],
            "Invalid 'containerPort' setting for container 'web'.",
        );
        let named = PortMapping { name: Some("-http".into()), ..mapping(80, Some(80)) };
        check(NetworkMode::Awsvpc, vec![named], "Invalid 'portMappings.name' setting for container 'web'.");
    }
}
