//! What a node is told of security groups: Longshore's addition, which an Amazon agent ignores.
//!
//! [`SecurityGroups`] is a whole snapshot, never a change: the newest one is all that counts. It names every interface
//! that belongs on the node, so that what it does not name may send and receive nothing.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// The interfaces of a node, and the groups that guard them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroups {
    /// Names the message for its acknowledgement.
    pub message_id: String,
    /// Every interface that belongs on the node, by its address.
    pub interfaces: Vec<GuardedInterface>,
    /// Every group that one of them has or that one of their rules names.
    pub groups: Vec<GroupRules>,
}

/// An interface with its groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardedInterface {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its VPC.
    pub vpc_id: String,
    /// Its groups: what one of them allows is allowed.
    pub groups: Vec<String>,
    /// For an address that the node holds itself, as a load balancer's: the subnet's gateway with its prefix length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupRules {
    /// `sg-` and hexadecimal digits.
    pub id: String,
    /// What its members may receive.
    pub ingress: Vec<PacketRule>,
    /// What its members may send.
    pub egress: Vec<PacketRule>,
    /// The addresses of its members, on all nodes.
    pub members: Vec<Ipv4Addr>,
}

/// What a rule allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PacketRule {
    /// Which packets.
    pub traffic: PacketKind,
    /// From whom, or to whom.
    pub peer: PacketPeer,
}

/// Packets of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PacketKind {
    /// All of them.
    All,
    /// TCP to ports from the first to the last.
    Tcp(u16, u16),
    /// UDP to ports from the first to the last.
    Udp(u16, u16),
    /// ICMP of a type and a code, or of any.
    Icmp(Option<u8>, Option<u8>),
    /// Another protocol, by its number.
    Protocol(u8),
}

/// The other end of a packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PacketPeer {
    /// An IPv4 block such as `10.64.0.0/16`.
    Block(String),
    /// The members of a group.
    Group(String),
}
