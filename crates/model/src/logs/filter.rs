//! Filters of a log group: what becomes metrics, and what is passed on to others.
//!
//! A filter belongs to one life of a group. How far a subscription has come is a record of its own,
//! written by the delivery alone; positions are counts of arrival in the log store.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::logs::{FilterName, LogGroupId, LogGroupName};
use crate::record::Record;
use crate::scope::Scope;
use crate::time::Timestamp;

/// Turns matching events into points of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricFilter {
    /// Where the group lives.
    pub scope: Scope,
    /// The group.
    pub group: LogGroupId,
    /// The group's name.
    pub group_name: LogGroupName,
    /// The filter's name, unique in its group.
    pub name: FilterName,
    /// Which events count.
    pub pattern: String,
    /// What they become.
    pub transformation: MetricTransformation,
    /// When the filter was created or last put.
    pub created_at: Timestamp,
}

impl Record for MetricFilter {}

/// What an event becomes. AWS takes exactly one a filter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricTransformation {
    /// The metric's name.
    pub name: String,
    /// The metric's namespace.
    pub namespace: String,
    /// The value of a point.
    pub value: MetricValue,
    /// The value when nothing matches.
    #[serde(default)]
    pub default_value: Option<f64>,
    /// Dimensions and the parts of the event that give their values.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    /// The unit.
    pub unit: String,
}

/// The value of a point: a number, or a part of the event such as `$.latency` or `$bytes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MetricValue(String);

impl MetricValue {
    /// Accepts a finite number or a name behind a dollar sign.
    pub fn new(raw: impl Into<String>) -> Option<Self> {
        let raw = raw.into();
        let is_number = raw.parse::<f64>().is_ok_and(f64::is_finite);
        (is_number || is_selector(&raw)).then_some(MetricValue(raw))
    }

    /// The value as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `raw` names a part of an event.
pub fn is_selector(raw: &str) -> bool {
    raw.strip_prefix('$').is_some_and(|name| !name.is_empty())
}

/// Passes matching events on as they come in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubscriptionFilter {
    /// Where the group lives.
    pub scope: Scope,
    /// The group.
    pub group: LogGroupId,
    /// The group's name.
    pub group_name: LogGroupName,
    /// The filter's name, unique in its group.
    pub name: FilterName,
    /// Tells this life of the name from another.
    pub id: String,
    /// Which events are passed on.
    pub pattern: String,
    /// To whom.
    pub destination: Destination,
    /// When the filter was created or last put.
    pub created_at: Timestamp,
    /// Events up to this arrival were there before the filter.
    pub from: u64,
}

impl Record for SubscriptionFilter {}

/// Who gets the events of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// Another group of the same account and region.
    Group(LogGroupName),
    /// An HTTP or HTTPS endpoint.
    Endpoint(String),
}

impl Destination {
    /// The destination as `destinationArn` writes it.
    pub fn written(&self, scope: &Scope) -> String {
        match self {
            Destination::Group(name) => name.arn(scope).to_string(),
            Destination::Endpoint(url) => url.clone(),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Group(name) => write!(f, "log group {name}"),
            Destination::Endpoint(url) => f.write_str(url),
        }
    }
}

/// How far a subscription has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The group.
    pub group: LogGroupId,
    /// The filter's name.
    pub name: FilterName,
    /// The filter's life.
    pub id: String,
    /// Events up to this arrival are passed on.
    pub done: u64,
    /// What is being passed on, if a run was not finished.
    #[serde(default)]
    pub window: Option<Window>,
}

impl Record for Progress {}

/// A run over the arrivals behind `done` up to `upto`, in the order of their times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The last arrival of the run.
    pub upto: u64,
    /// The run goes on behind the event of this time and arrival.
    pub after: Option<(i64, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbers_or_parts_of_the_event() {
        for good in ["1", "0.5", "-2", "$.size", "$bytes"] {
            assert!(MetricValue::new(good).is_some(), "{good}");
        }
        for bad in ["", "$", "one", "NaN", "inf", "1 2"] {
            assert!(MetricValue::new(bad).is_none(), "{bad}");
        }
    }
}
