//! From a task's message to what its network needs. Pure.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use wire::link;

use super::Error;

/// A task's interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// The VPC whose bridge it is plugged into.
    pub vpc: String,
    /// The host's end of the pair; also the name of the namespace.
    pub host_link: String,
    /// The task's address.
    pub address: Ipv4Addr,
    /// The prefix length of its subnet.
    pub prefix: u8,
    /// The subnet's gateway: an address of the bridge.
    pub gateway: Ipv4Addr,
    /// Six octets, colon separated; empty keeps the kernel's choice.
    pub mac: String,
    /// The largest packet.
    pub mtu: u32,
}

impl Interface {
    /// Whether it meets others through the node alone, as in a VPC; in `bridge` mode they meet directly.
    pub fn is_isolated(&self) -> bool {
        self.vpc != super::bridge::LOCAL
    }
}

/// A port of the node that leads to a port of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PortBinding {
    /// The container that publishes it.
    pub container: String,
    /// The task's port.
    pub container_port: u16,
    /// The node's port; 0 asks for a free one.
    pub host_port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// What is to be configured once a namespace is at hand.
#[derive(Clone, Debug, PartialEq)]
pub struct Wiring {
    /// The VPC.
    pub vpc: String,
    /// The address.
    pub address: Ipv4Addr,
    /// The prefix length.
    pub prefix: u8,
    /// The gateway.
    pub gateway: Ipv4Addr,
    /// The hardware address.
    pub mac: String,
}

impl Wiring {
    /// The interface that results with the namespace `pair`.
    pub fn interface(&self, pair: &str) -> Interface {
        Interface {
            vpc: self.vpc.clone(),
            host_link: pair.to_string(),
            address: self.address,
            prefix: self.prefix,
            gateway: self.gateway,
            mac: self.mac.clone(),
            mtu: super::bridge::uplink_mtu(),
        }
    }
}

/// The wiring of an `awsvpc` task's primary interface.
pub fn of_interface(task: &link::Task) -> Result<Wiring, Error> {
    let describe = |text: &str| Error::Description(text.to_string());
    let eni = task
        .elastic_network_interfaces
        .iter()
        .min_by_key(|eni| eni.index)
        .ok_or_else(|| describe("an awsvpc task came without a network interface"))?;
    let address = eni.ipv4_addresses.iter().find(|a| a.primary).or_else(|| eni.ipv4_addresses.first());
    let address = address.ok_or_else(|| describe("a network interface came without an address"))?;
    let (gateway, prefix) = eni
        .subnet_gateway_ipv4_address
        .split_once('/')
        .ok_or_else(|| describe("a gateway came without its prefix"))?;
    let extras = task.longshore.clone().unwrap_or_default();
    let parse = |text: &str| {
        text.parse::<Ipv4Addr>().map_err(|_| Error::Description(format!("bad address {text:?}")))
    };
    let prefix = prefix.parse().map_err(|_| Error::Description(format!("bad prefix length {prefix:?}")))?;
    if prefix > 30 {
        return Err(Error::Description(format!(
            "a subnet of prefix length {prefix} has no room for a gateway"
        )));
    }
    Ok(Wiring {
        vpc: extras.vpc_id.unwrap_or_else(|| "vpc".into()),
        address: parse(&address.private_address)?,
        prefix,
        gateway: parse(gateway)?,
        mac: eni.mac_address.clone(),
    })
}

/// The ports that a task publishes, ranges expanded.
pub fn ports(task: &link::Task) -> Result<Vec<PortBinding>, Error> {
    let mut ports = Vec::new();
    for container in &task.containers {
        for mapping in &container.port_mappings {
            let (first, last) = match &mapping.container_port_range {
                Some(range) => parse_range(range)?,
                None => (mapping.container_port, mapping.container_port),
            };
            ports.extend((first..=last).map(|port| PortBinding {
                container: container.name.clone(),
                container_port: port,
                host_port: mapping.host_port,
                protocol: if mapping.protocol == "udp" { "udp".into() } else { "tcp".into() },
            }));
        }
    }
    Ok(ports)
}

/// The ports of a task in the host's own network: each is the machine's port of the same number.
pub fn host_ports(task: &link::Task) -> Result<Vec<PortBinding>, Error> {
    let ports = ports(task)?.into_iter();
    Ok(ports.map(|port| PortBinding { host_port: port.container_port, ..port }).collect())
}

fn parse_range(text: &str) -> Result<(u16, u16), Error> {
    let bad = || Error::Description(format!("bad port range {text:?}"));
    let (first, last) = text.split_once('-').ok_or_else(bad)?;
    let (first, last) = (first.parse().map_err(|_| bad())?, last.parse().map_err(|_| bad())?);
    if first == 0 || first > last { Err(bad()) } else { Ok((first, last)) }
}

/// The network address of a subnet.
pub fn network_of(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    Ipv4Addr::from(u32::from(address) & mask)
}

/// The six octets of a hardware address.
pub fn parse_mac(text: &str) -> Option<Vec<u8>> {
    let octets: Option<Vec<u8>> = text.split(':').map(|part| u8::from_str_radix(part, 16).ok()).collect();
    octets.filter(|octets| octets.len() == 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_expanded() {
        assert_eq!(parse_range("80-82").unwrap(), (80, 82));
        assert!(parse_range("9-8").is_err() && parse_range("x").is_err());
    }

    #[test]
    fn networks_are_masked() {
        assert_eq!(network_of(Ipv4Addr::new(10, 64, 17, 9), 20), Ipv4Addr::new(10, 64, 16, 0));
        assert_eq!(parse_mac("02:00:0a:40:00:09").unwrap(), vec![2, 0, 10, 64, 0, 9]);
        assert_eq!(parse_mac("02:00"), None);
    }
}
