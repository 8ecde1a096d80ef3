//! Service Connect: the names by which tasks of a namespace reach each other's services, each through a proxy.
//!
//! [`ServiceConnect`] is what a revision asks for. [`Endpoint`]s are what its tasks can connect to: they are those of the
//! namespace at the start of the deployment, and stay so for its later tasks, as ECS does it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::container_definition::ApplicationProtocol;

/// Endpoints that a task can connect to, at most.
pub const MOST_ENDPOINTS: usize = 1000;
/// The first port on which a task's proxy listens: the ECS agent's own for the same purpose. Each endpoint has one.
const FIRST_PORT: u16 = 15_000;

/// What a revision that has Service Connect on says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceConnect {
    /// The ARN of the namespace.
    pub namespace: String,
    /// Its name.
    pub namespace_name: String,
    /// What others may connect to.
    pub services: Vec<ConnectService>,
}

/// A port of a service's tasks that others may connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectService {
    /// The name of the port mapping.
    pub port_name: String,
    /// That port.
    pub container_port: u16,
    /// What it speaks; none for bytes.
    pub protocol: Option<ApplicationProtocol>,
    /// The name of the service in Cloud Map, when one was given.
    pub given_discovery_name: Option<String>,
    /// That name, or what stands for it.
    pub discovery_name: String,
    /// The ARN of the service in Cloud Map.
    pub discovery_arn: String,
    /// The port that clients use.
    pub alias_port: u16,
    /// The name that clients use, when one was given.
    pub given_alias_name: Option<String>,
    /// How long a connection may be idle, when it was said; 0 is for ever.
    pub idle_timeout_seconds: Option<u32>,
    /// How long a request may take, when it was said; 0 is for ever.
    pub request_timeout_seconds: Option<u32>,
}

/// What tasks can connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The name.
    pub name: String,
    /// The port.
    pub port: u16,
    /// What is spoken; none for bytes.
    pub protocol: Option<ApplicationProtocol>,
    /// The ARN of the service in Cloud Map whose instances answer.
    pub discovery_arn: String,
    /// How long a connection may be idle; 0 is for ever.
    pub idle_timeout_seconds: u32,
    /// How long a request may take; 0 is for ever.
    pub request_timeout_seconds: u32,
}

impl ServiceConnect {
    /// The endpoints that its services are.
    pub fn endpoints(&self) -> impl Iterator<Item = Endpoint> + '_ {
        self.services.iter().map(|service| {
            let default = || format!("{}.{}", service.discovery_name, self.namespace_name).to_lowercase();
            Endpoint {
                name: service.given_alias_name.clone().unwrap_or_else(default),
                port: service.alias_port,
                protocol: service.protocol,
                discovery_arn: service.discovery_arn.clone(),
                // ECS's defaults: five minutes and fifteen seconds; an hour for bytes.
                idle_timeout_seconds: service.idle_timeout_seconds.unwrap_or(match service.protocol {
                    Some(_) => 300,
                    None => 3600,
                }),
                request_timeout_seconds: service.request_timeout_seconds.unwrap_or(15),
            }
        })
    }
}

/// Where an endpoint is inside of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What its name leads to: an address of 127.255.0.0/16, the same for all ports of a name.
    pub address: Ipv4Addr,
    /// The port on which the proxy really listens there; the task's own sockets would be in the way of the other.
    pub listen_port: u16,
}

/// Where each of a task's endpoints is. It follows from their list alone.
pub fn places(endpoints: &[Endpoint]) -> Vec<Place> {
    let mut addresses: BTreeMap<&str, Ipv4Addr> = BTreeMap::new();
    let mut placed = Vec::new();
    for (endpoint, listen_port) in endpoints.iter().take(MOST_ENDPOINTS).zip(FIRST_PORT..) {
        let next = u16::try_from(addresses.len()).unwrap_or(u16::MAX);
        let [third, fourth] = [next / 254, next % 254 + 1].map(|part| u8::try_from(part).unwrap_or(254));
        let address =
            *addresses.entry(endpoint.name.as_str()).or_insert(Ipv4Addr::new(127, 255, third, fourth));
        placed.push(Place { address, listen_port });
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_address_and_each_endpoint_a_port() {
        let endpoint = |name: &str, port| Endpoint {
            name: name.into(),
            port,
            protocol: None,
            discovery_arn: String::new(),
            idle_timeout_seconds: 0,
            request_timeout_seconds: 0,
        };
        let placed = places(&[endpoint("a", 80), endpoint("a", 81), endpoint("b", 80)]);
        let texts: Vec<_> = placed.iter().map(|it| format!("{}:{}", it.address, it.listen_port)).collect();
        assert_eq!(texts, ["127.255.0.1:15000", "127.255.0.1:15001", "127.255.0.2:15002"]);
        let many: Vec<_> = (0..300).map(|at| endpoint(&at.to_string(), 80)).collect();
        assert_eq!(places(&many)[254].address, Ipv4Addr::new(127, 255, 1, 1));
    }
}
