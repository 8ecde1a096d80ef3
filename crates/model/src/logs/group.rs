//! A log group: the unit of retention, tags and permissions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::logs::{LogGroupId, LogGroupName, LogStreamName};
use crate::record::Record;
use crate::scope::Scope;
use crate::time::Timestamp;

/// The retention periods that CloudWatch Logs allows, in days.
pub const RETENTION_DAYS: [u16; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// How long a group keeps its events: one of [`RETENTION_DAYS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RetentionDays(u16);

impl RetentionDays {
    /// One day, the only period of groups of class DELIVERY.
    pub const ONE: RetentionDays = RetentionDays(1);

    /// Accepts one of the allowed periods.
    pub fn new(days: i64) -> Option<Self> {
        let days = u16::try_from(days).ok()?;
        RETENTION_DAYS.contains(&days).then_some(RetentionDays(days))
    }

    /// The number of days.
    pub fn days(self) -> u16 {
        self.0
    }

    /// The time before which events are gone, at `now`.
    pub fn cutoff(self, now: Timestamp) -> Timestamp {
        now - std::time::Duration::from_secs(u64::from(self.0) * 86_400)
    }
}

/// The storage class of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LogGroupClass {
    /// Everything works.
    #[default]
    Standard,
    /// Cheaper on AWS: no filters, export or Live Tail.
    InfrequentAccess,
    /// Only passed on by subscription filters; kept for a day.
    Delivery,
}

impl LogGroupClass {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            LogGroupClass::Standard => "STANDARD",
            LogGroupClass::InfrequentAccess => "INFREQUENT_ACCESS",
            LogGroupClass::Delivery => "DELIVERY",
        }
    }
}

/// A log group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogGroup {
    /// Where it lives.
    pub scope: Scope,
    /// Its name, unique in its scope.
    pub name: LogGroupName,
    /// The id of this life of the name.
    pub id: LogGroupId,
    /// When it was created.
    pub created_at: Timestamp,
    /// How long events are kept; for ever when absent.
    #[serde(default)]
    pub retention: Option<RetentionDays>,
    /// Its storage class.
    #[serde(default)]
    pub class: LogGroupClass,
    /// Whether DeleteLogGroup is refused.
    #[serde(default)]
    pub deletion_protection: bool,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl Record for LogGroup {}

impl LogGroup {
    /// `arn:aws:logs:region:account:log-group:NAME`, without the trailing `:*`.
    pub fn arn(&self) -> Arn {
        self.name.arn(&self.scope)
    }

    /// The ARN of one of the group's streams.
    pub fn stream_arn(&self, stream: &LogStreamName) -> Arn {
        Arn::new("logs", &self.scope, format!("log-group:{}:log-stream:{stream}", self.name))
    }
}

impl LogGroupName {
    /// The ARN of the group of this name in `scope`, whether it exists or not.
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::new("logs", scope, format!("log-group:{self}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_one_of_the_allowed_periods() {
        assert!(RetentionDays::new(3653).is_some());
        for days in [0, 2, 3654, -1, 100_000] {
            assert_eq!(RetentionDays::new(days), None, "{days}");
        }
        let now = Timestamp::from_millis(86_400_000 * 10);
        assert_eq!(RetentionDays::new(7).unwrap().cutoff(now), Timestamp::from_millis(86_400_000 * 3));
    }
}
