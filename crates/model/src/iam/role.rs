//! Roles: identities that others take for a while.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::holder::{Identity, Permissions};
use crate::{Arn, Record};

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Which role it is.
    pub identity: Identity,
    /// Its policies.
    #[serde(default)]
    pub permissions: Permissions,
    /// Who may take it: the trust policy.
    pub trust: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// The longest session, in seconds.
    pub max_session_seconds: u32,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl Record for Role {}

impl Role {
    /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
    pub fn arn(&self) -> Arn {
        self.identity.arn("role")
    }
}
