//! Access keys of users, and when they were used.

use serde::{Deserialize, Serialize};

use crate::ecs::text::text_enum;
use crate::{AccountId, Record, Timestamp};

text_enum! {
    /// Whether a key may sign.
    pub enum KeyStatus {
        /// It may.
        Active = "Active",
        /// It may not, for now.
        Inactive = "Inactive",
    }
}

/// A user's access key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserKey {
    /// The account.
    pub account: AccountId,
    /// `AKIA` and 16 characters.
    pub id: String,
    /// The id of its user.
    pub user: String,
    /// The secret, sealed under the installation's master key, in base 64.
    pub sealed_secret: String,
    /// Whether it may sign.
    pub status: KeyStatus,
    /// When it was made.
    pub created_at: Timestamp,
}

/// When and for what a key or a role was last used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUse {
    /// The id of the key or of the role.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// For which service.
    pub service: String,
    /// In which region.
    pub region: String,
}

impl Record for UserKey {}
impl Record for LastUse {}
