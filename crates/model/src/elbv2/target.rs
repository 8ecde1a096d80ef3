//! A target: an address and a port behind a target group.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{TargetGroupId, TargetHealth};
use crate::{Record, Scope, Timestamp};

/// Which target of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TargetKey {
    /// An address, or the id of an instance.
    pub id: String,
    /// The port on which it receives.
    pub port: u16,
}

/// A registered target, or one that finishes what it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Where it lives.
    pub scope: Scope,
    /// Its group.
    pub group: TargetGroupId,
    /// Which one it is.
    pub key: TargetKey,
    /// Where it is reached: its id for `ip` groups, the instance's address otherwise.
    pub address: IpAddr,
    /// The zone that the caller gave, or `all`.
    #[serde(default)]
    pub availability_zone: Option<String>,
    /// When it was registered. Tells this registration from an earlier one of the same target.
    pub registered_at: Timestamp,
    /// Set once it is deregistered: until when it is shown and its requests may go on.
    #[serde(default)]
    pub draining_until: Option<Timestamp>,
    /// What the data plane last said of it.
    #[serde(default)]
    pub seen: Option<TargetHealth>,
}

impl Record for Target {}
