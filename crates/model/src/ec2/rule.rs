//! The rules of security groups: which packets an interface may receive or send.
//!
//! A rule only ever allows; what no rule of an interface's groups allows is dropped. Rules are
//! stateful: answers to an allowed packet pass without a rule of their own.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Cidr;

/// Whether a rule is about packets to an interface or from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Direction {
    /// To the interface.
    Ingress,
    /// From the interface.
    Egress,
}

/// The first and the last port that a rule allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// A range of ports that ends before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a port range from {0} to {1}")]
pub struct PortRangeError(u16, u16);

impl PortRange {
    /// Every port.
    pub const ALL: PortRange = PortRange { first: 0, last: u16::MAX };

    /// Builds a range; fails when it ends before it begins.
    pub fn new(first: u16, last: u16) -> Result<Self, PortRangeError> {
        if first > last { Err(PortRangeError(first, last)) } else { Ok(PortRange { first, last }) }
    }

    /// The first port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The last port.
    pub fn last(self) -> u16 {
        self.last
    }
}

/// The packets that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Traffic {
    /// All of them.
    All,
    /// TCP to these ports.
    Tcp(PortRange),
    /// UDP to these ports.
    Udp(PortRange),
    /// ICMP of a type and a code; `None` stands for any.
    Icmp {
        /// The type.
        kind: Option<u8>,
        /// The code.
        code: Option<u8>,
    },
    /// Another protocol, by its number.
    Other(u8),
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Peer {
    /// The addresses of a block.
    Block(Cidr),
    /// The addresses of an IPv6 block. Networks carry no IPv6, so that no packet ever comes from there.
    Block6(String),
    /// The members of a security group, by its id.
    Group(String),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Block(cidr) => cidr.fmt(f),
            Peer::Block6(cidr) => f.write_str(cidr),
            Peer::Group(id) => f.write_str(id),
        }
    }
}

/// What a rule allows: two rules of a group never allow the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Permission {
    /// To the members of the group or from them.
    pub direction: Direction,
    /// Which packets.
    pub traffic: Traffic,
    /// Of whom.
    pub peer: Peer,
}

/// A rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// `sgr-` and 17 hexadecimal digits.
    pub id: String,
    /// What it allows.
    pub permission: Permission,
    /// Its description.
    pub description: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl SecurityGroupRule {
    /// A rule without description and tags.
    pub fn new(id: String, direction: Direction, traffic: Traffic, peer: Peer) -> Self {
        let permission = Permission { direction, traffic, peer };
        SecurityGroupRule { id, permission, description: None, tags: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_does_not_end_before_it_begins() {
        assert_eq!(PortRange::new(9, 8), Err(PortRangeError(9, 8)));
        assert_eq!(PortRange::new(0, 65535), Ok(PortRange::ALL));
    }
}
