//! Task sets: the revisions of a service whose deployments somebody else controls, each with its share of the tasks.

use serde::{Deserialize, Serialize};

use super::name::{ClusterName, RevisionId, ServiceName};
use super::tag::Tags;
use super::text::text_enum;
use crate::{Arn, Scope, Timestamp};

text_enum! {
    /// A task set's place among its service's.
    pub enum TaskSetStatus {
        /// The one that serves.
        Primary = "PRIMARY",
        /// Another one.
        Active = "ACTIVE",
        /// Deleted; its tasks are being stopped.
        Draining = "DRAINING",
    }
}

text_enum! {
    /// Whether a task set is as it is wanted.
    pub enum StabilityStatus {
        /// As many tasks run as wanted, all of them healthy.
        SteadyState = "STEADY_STATE",
        /// Not yet, or not any more.
        Stabilizing = "STABILIZING",
    }
}

/// A share of a service's tasks, in thousandths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Scale(u32);

impl Scale {
    /// As many as the service wants.
    pub const ALL: Scale = Scale(100_000);
    /// None.
    pub const NONE: Scale = Scale(0);

    /// So many percent, rounded to a thousandth; none outside of 0 to 100.
    pub fn of_percent(percent: f64) -> Option<Scale> {
        // Refused before the cast: not a number, negative, too much.
        (0.0..=100.0).contains(&percent).then(|| Scale((percent * 1000.0).round() as u32))
    }

    /// In percent.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// This share of `desired` tasks, rounded up.
    pub fn of(self, desired: u32) -> u32 {
        let exact = (u64::from(desired) * u64::from(self.0)).div_ceil(u64::from(Scale::ALL.0));
        u32::try_from(exact).expect("a share of a number is no more than it")
    }
}

impl TryFrom<u32> for Scale {
    type Error = &'static str;

    fn try_from(thousandths: u32) -> Result<Self, Self::Error> {
        let known = (thousandths <= Scale::ALL.0).then_some(Scale(thousandths));
        known.ok_or("a scale is at most 100 percent")
    }
}

impl From<Scale> for u32 {
    fn from(Scale(thousandths): Scale) -> u32 {
        thousandths
    }
}

/// A task set. What its tasks are made from is the service revision of the same number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskSet {
    /// Its number, and its revision's.
    pub revision: RevisionId,
    /// Its place among the service's.
    pub status: TaskSetStatus,
    /// Its share of the service's tasks.
    pub scale: Scale,
    /// What somebody else calls it.
    pub external_id: Option<String>,
    /// Whether it is as it is wanted.
    pub stability: StabilityStatus,
    /// Since when.
    pub stability_at: Timestamp,
    /// The idempotency token of the request that created it.
    pub client_token: Option<String>,
    /// Tags.
    pub tags: Tags,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl TaskSet {
    /// `ecs-svc/ID`: what its tasks name as who started them.
    pub fn id(&self) -> String {
        self.revision.deployment()
    }

    /// `task-set/CLUSTER/SERVICE/ecs-svc/ID`.
    pub fn arn(&self, scope: &Scope, cluster: &ClusterName, service: &ServiceName) -> Arn {
        Arn::new("ecs", scope, format!("task-set/{cluster}/{service}/{}", self.id()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_tasks_is_rounded_up() {
        let check = |percent, desired, expected: Option<u32>| {
            assert_eq!(
                Scale::of_percent(percent).map(|it| it.of(desired)),
                expected,
                "{percent} of {desired}"
            );
        };
        check(100.0, 3, Some(3));
        check(0.0, 3, Some(0));
        check(40.0, 3, Some(2));
        check(0.001, 1, Some(1));
        check(100.0, u32::MAX, Some(u32::MAX));
        check(100.1, 3, None);
        check(-1.0, 3, None);
        check(f64::NAN, 3, None);
    }
}
