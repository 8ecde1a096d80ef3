//! Instance profiles: what hands a role to a machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::holder::Identity;
use crate::{Arn, Record};

/// An instance profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceProfile {
    /// Which profile it is.
    pub identity: Identity,
    /// The id of its role; at most one.
    #[serde(default)]
    pub role: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl Record for InstanceProfile {}

impl InstanceProfile {
    /// `arn:aws:iam::ACCOUNT:instance-profile/PATH/NAME`.
    pub fn arn(&self) -> Arn {
        self.identity.arn("instance-profile")
    }
}
