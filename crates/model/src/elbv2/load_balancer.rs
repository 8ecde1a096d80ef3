//! A load balancer: where clients connect.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{Attributes, LoadBalancerId};
use crate::ecs::text::text_enum;
use crate::{Arn, Record, Scope, Timestamp};

text_enum! {
    /// What a load balancer understands.
    pub enum LoadBalancerKind {
        /// HTTP.
        Application = "application",
        /// Connections.
        Network = "network",
    }
}

text_enum! {
    /// Who is meant to reach it.
    pub enum Scheme {
        /// Everybody who reaches the machine.
        InternetFacing = "internet-facing",
        /// The VPC.
        Internal = "internal",
    }
}

/// Whether it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadBalancerState {
    /// The data plane has not taken it up yet.
    Provisioning,
    /// It serves.
    Active,
    /// It does not serve everything that it should, and why.
    Impaired(String),
}

/// An interface that a load balancer holds in a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetInterface {
    /// `eni-…`.
    pub id: String,
    /// Its address.
    pub address: Ipv4Addr,
}

/// A subnet in which a load balancer stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancerSubnet {
    /// The subnet.
    pub subnet_id: String,
    /// The subnet's zone.
    pub availability_zone: String,
    /// The interface in it.
    #[serde(default)]
    pub interface: Option<SubnetInterface>,
}

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Where it lives.
    pub scope: Scope,
    /// Which one it is.
    pub id: LoadBalancerId,
    /// Who is meant to reach it.
    pub scheme: Scheme,
    /// Its VPC.
    pub vpc_id: String,
    /// The subnets in which it stands, one a zone.
    pub subnets: Vec<LoadBalancerSubnet>,
    /// Its security groups.
    pub security_groups: Vec<String>,
    /// The name that resolves to the machine.
    pub dns_name: String,
    /// Its own address on the machine, in 127.0.0.0/8.
    pub address: Ipv4Addr,
    /// Whether it serves.
    pub state: LoadBalancerState,
    /// Attributes that are not at their defaults.
    #[serde(default)]
    pub attributes: Attributes,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The claim of one load balancer on one address of the machine. Its key is the address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressClaim {
    /// The address.
    pub address: Ipv4Addr,
    /// The scope of the load balancer.
    pub scope: Scope,
    /// The load balancer.
    pub load_balancer: LoadBalancerId,
}

impl Record for LoadBalancer {}
impl Record for AddressClaim {}

impl LoadBalancer {
    /// Its ARN.
    pub fn arn(&self) -> Arn {
        self.id.arn(&self.scope)
    }

    /// The value of an attribute; its default when nobody set it.
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes.value(super::attribute::of_load_balancer(self.id.kind), key)
    }
}
