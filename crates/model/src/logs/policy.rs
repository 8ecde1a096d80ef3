//! Resource policies of the log service: which services may write here.

use serde::{Deserialize, Serialize};

use crate::logs::LogGroupName;
use crate::record::Record;
use crate::scope::Scope;
use crate::time::Timestamp;

/// A policy of an account, or of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourcePolicy {
    /// The account and region.
    pub scope: Scope,
    /// The group, for a policy of one group.
    pub group: Option<LogGroupName>,
    /// The policy's name.
    pub name: String,
    /// The document as it was given.
    pub document: String,
    /// When it was last put.
    pub updated_at: Timestamp,
    /// Names this version of it.
    pub revision: String,
}

impl Record for ResourcePolicy {}
