//! Managed policies of the account, with their versions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::holder::Identity;
use crate::{Arn, Record, Timestamp};

/// A policy that can be attached to several entities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// Which policy it is.
    pub identity: Identity,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Its versions, by number.
    pub versions: BTreeMap<u32, PolicyVersion>,
    /// The number of the version in force.
    pub default_version: u32,
    /// The number of the version that is made next: numbers are not used twice.
    pub next_version: u32,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// One version of a managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// The document.
    pub document: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Record for ManagedPolicy {}

impl ManagedPolicy {
    /// `arn:aws:iam::ACCOUNT:policy/PATH/NAME`.
    pub fn arn(&self) -> Arn {
        self.identity.arn("policy")
    }

    /// The document in force.
    pub fn document(&self) -> &str {
        self.versions.get(&self.default_version).map_or("", |version| &version.document)
    }
}
