//! The interfaces of `awsvpc` tasks.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{Record, Scope, Timestamp};

/// A 48-bit link-layer address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// The locally administered address that belongs to an IPv4 address: unique wherever the latter is.
    pub fn of(address: Ipv4Addr) -> Self {
        let [a, b, c, d] = address.octets();
        MacAddress([0x02, 0x4c, a, b, c, d])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Where an interface stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InterfaceStatus {
    /// Reserved for a task that its node has not wired yet.
    Pending,
    /// Wired into the task's namespace.
    InUse,
}

/// Who holds an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum InterfaceKind {
    /// A task, in a network namespace of its own.
    #[default]
    Task,
    /// A load balancer, which listens on the node itself.
    LoadBalancer,
}

/// An elastic network interface: it exists as long as its task has not stopped, or its load balancer is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// Where it lives.
    pub scope: Scope,
    /// `eni-` and 17 hexadecimal digits.
    pub id: String,
    /// The subnet that gave the address.
    pub subnet_id: String,
    /// The subnet's VPC.
    pub vpc_id: String,
    /// The subnet's zone.
    pub availability_zone: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its link-layer address.
    pub mac: MacAddress,
    /// Its security groups.
    pub security_groups: Vec<String>,
    /// What it is for, as shown to the user: the attachment's ARN.
    pub description: String,
    /// Who holds it.
    #[serde(default)]
    pub kind: InterfaceKind,
    /// The ARN of the task or load balancer that holds it.
    pub task_arn: String,
    /// Where it stands.
    pub status: InterfaceStatus,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One leased address. Its key is the address, so a second lease cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressLease {
    /// The leased address.
    pub address: Ipv4Addr,
    /// Where the interface lives.
    pub scope: Scope,
    /// The subnet the address comes from.
    pub subnet_id: String,
    /// The interface that holds it.
    pub interface_id: String,
}

impl Record for NetworkInterface {}
impl Record for AddressLease {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_addresses_follow_addresses() {
        assert_eq!(MacAddress::of(Ipv4Addr::new(10, 64, 0, 9)).to_string(), "02:4c:0a:40:00:09");
    }
}
