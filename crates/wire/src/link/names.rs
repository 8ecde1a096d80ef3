//! What a node is told of a name that one of its tasks asks for: Longshore's addition.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// What the control plane knows of a name, as seen from one task's network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Resolution {
    /// The name is none of ours: the node's own resolvers may know it.
    #[default]
    Elsewhere,
    /// The name lies in a zone of ours, which does not have it.
    Nothing,
    /// The task's network is served no names.
    Refused,
    /// The name's records.
    Records(NameRecords),
}

/// The records of one name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NameRecords {
    /// How long they may be kept, in seconds.
    pub ttl: u32,
    /// A records.
    #[serde(default)]
    pub addresses: Vec<Ipv4Addr>,
    /// SRV records.
    #[serde(default)]
    pub services: Vec<ServiceRecord>,
    /// The CNAME record: then there is no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

/// An SRV record, with the address of its target where we know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRecord {
    /// The lowest is asked first.
    pub priority: u16,
    /// The share among records of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The name of the host.
    pub target: String,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
}
