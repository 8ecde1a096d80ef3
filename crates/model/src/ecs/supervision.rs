//! What the service scheduler keeps on a task of a service: no part of what DescribeTasks shows.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The scheduler's notes on one task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Supervision {
    /// When it was first seen healthy.
    pub healthy_at: Option<Timestamp>,
    /// Whether the scheduler has counted it as a failure of its deployment.
    pub is_counted: bool,
    /// Whether the scheduler has taken note of its end.
    pub is_settled: bool,
    /// Until when scale-in and deployments leave it alone.
    pub protected_until: Option<Timestamp>,
    /// Where it is registered.
    pub targets: Vec<Target>,
}

/// A task's entry in a target group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// The target group's ARN.
    pub group: String,
    /// The address or the instance.
    pub id: String,
    /// The port.
    pub port: u16,
    /// Whether it has been taken out again.
    pub is_deregistered: bool,
}

impl Supervision {
    /// Whether the task may not be stopped by scale-in and deployments.
    pub fn is_protected(&self, now: Timestamp) -> bool {
        self.protected_until.is_some_and(|until| until > now)
    }
}
