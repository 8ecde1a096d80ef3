//! The account itself.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Record, Timestamp};

/// What is known of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFacts {
    /// Its number.
    pub account: AccountId,
    /// When Longshore first started for it.
    pub opened_at: Timestamp,
}

impl Record for AccountFacts {}
