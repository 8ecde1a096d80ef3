//! Users.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::holder::{Identity, Permissions};
use crate::{Arn, Record};

/// A user: somebody with keys of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who it is.
    pub identity: Identity,
    /// Its policies.
    #[serde(default)]
    pub permissions: Permissions,
    /// The ids of its groups.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl Record for User {}

impl User {
    /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`.
    pub fn arn(&self) -> Arn {
        self.identity.arn("user")
    }
}
