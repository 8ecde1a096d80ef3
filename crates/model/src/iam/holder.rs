//! What users, groups and roles have in common: a name, an id, and policies.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::name::{EntityName, EntityPath};
use crate::{AccountId, Arn, Timestamp};

/// Who an entity is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Whose it is.
    pub account: AccountId,
    /// Its name.
    pub name: EntityName,
    /// Its path.
    pub path: EntityPath,
    /// Four letters for its kind and 17 characters; never given twice.
    pub id: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Identity {
    /// `arn:aws:iam::ACCOUNT:KIND/PATH/NAME`.
    pub fn arn(&self, kind: &str) -> Arn {
        Arn {
            service: "iam".to_owned(),
            region: String::new(),
            account: self.account.to_string(),
            resource: format!("{kind}{}{}", self.path, self.name),
        }
    }
}

/// The policies of a user, a group or a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// Documents of its own, by name.
    #[serde(default)]
    pub inline: BTreeMap<EntityName, String>,
    /// Managed policies, by ARN.
    #[serde(default)]
    pub attached: BTreeSet<String>,
    /// The managed policy that bounds what the others can give.
    #[serde(default)]
    pub boundary: Option<String>,
}
