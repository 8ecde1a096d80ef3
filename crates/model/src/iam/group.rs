//! Groups of users.

use serde::{Deserialize, Serialize};

use super::holder::{Identity, Permissions};
use crate::{Arn, Record};

/// A group: its policies are its members'. Who is a member is kept with the users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Which group it is.
    pub identity: Identity,
    /// Its policies.
    #[serde(default)]
    pub permissions: Permissions,
}

impl Record for Group {}

impl Group {
    /// `arn:aws:iam::ACCOUNT:group/PATH/NAME`.
    pub fn arn(&self) -> Arn {
        self.identity.arn("group")
    }
}
