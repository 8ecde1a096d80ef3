//! Cloud Map: namespaces, their services, and the instances that are registered in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Arn, Record, Scope, Timestamp};

/// What a namespace's names are good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NamespaceKind {
    /// `DiscoverInstances` alone.
    Http,
    /// That, and DNS inside of one VPC.
    PrivateDns {
        /// The VPC.
        vpc_id: String,
        /// The id under which Route 53 would have the zone.
        hosted_zone_id: String,
        /// How long it may be remembered that a name is not there, in seconds.
        soa_ttl: u32,
    },
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Where it lives.
    pub scope: Scope,
    /// `ns-` and 16 letters and digits.
    pub id: String,
    /// Its name, such as `example.local`.
    pub name: String,
    /// What it is good for.
    pub kind: NamespaceKind,
    /// Its description.
    pub description: Option<String>,
    /// What the creator called the request.
    pub creator_request_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// How many of a name's records are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoutingPolicy {
    /// Up to eight, chosen at random.
    Multivalue,
    /// One, chosen at random.
    Weighted,
}

/// The kinds of records that instances make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RecordKind {
    /// Addresses.
    A,
    /// Another name.
    Cname,
    /// Ports with names of hosts.
    Srv,
}

/// The records that a service's instances make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsConfig {
    /// How many are answered.
    pub routing: RoutingPolicy,
    /// Which, and how long each may be kept, in seconds.
    pub records: BTreeMap<RecordKind, u32>,
}

/// A service of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Where it lives.
    pub scope: Scope,
    /// `srv-` and 16 letters and digits.
    pub id: String,
    /// Its namespace.
    pub namespace_id: String,
    /// Its name in the namespace.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Its records; `None` for `DiscoverInstances` alone.
    pub dns: Option<DnsConfig>,
    /// Whether its instances have a health that is told to us.
    pub custom_health: bool,
    /// What the creator called the request.
    pub creator_request_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Rises with every change of its instances.
    pub revision: i64,
}

/// Whether an instance may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceHealth {
    /// It may.
    Healthy,
    /// Only when no other may.
    Unhealthy,
}

/// A registered instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Where it lives.
    pub scope: Scope,
    /// Its service.
    pub service_id: String,
    /// Its id in the service.
    pub id: String,
    /// What is known of it: `AWS_INSTANCE_IPV4`, and what else was said.
    pub attributes: BTreeMap<String, String>,
    /// What the creator called the request.
    pub creator_request_id: Option<String>,
    /// Its health, where the service has one.
    pub health: InstanceHealth,
    /// When it was registered first.
    pub created_at: Timestamp,
}

/// What an operation was about, by its kind and id.
pub type OperationTargets = BTreeMap<String, String>;

/// A change that was asked for. It is done when it is answered, and kept for those who ask how it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Where it lives.
    pub scope: Scope,
    /// Its id.
    pub id: String,
    /// `CREATE_NAMESPACE` and so on.
    pub kind: String,
    /// What it was about.
    pub targets: OperationTargets,
    /// When it happened.
    pub at: Timestamp,
}

impl Record for Namespace {}
impl Record for Service {}
impl Record for Instance {}
impl Record for Operation {}

impl Namespace {
    /// Its ARN.
    pub fn arn(&self) -> Arn {
        Arn::new("servicediscovery", &self.scope, format!("namespace/{}", self.id))
    }
}

impl Service {
    /// Its ARN.
    pub fn arn(&self) -> Arn {
        Arn::new("servicediscovery", &self.scope, format!("service/{}", self.id))
    }
}

impl Instance {
    /// The most attributes of an instance.
    pub const ATTRIBUTE_LIMIT: usize = 30;

    /// The attribute called `name`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}
