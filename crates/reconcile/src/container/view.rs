//! What is wanted of one task, and what its node has seen of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::Timestamp;
use model::ecs::status::{HealthStatus, StopCode};
use model::ecs::{DesiredStatus, LastStatus};

use super::plan::Action;

/// One task on one node.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// What the control plane wants.
    pub desired: DesiredStatus,
    /// The status last reported.
    pub status: LastStatus,
    /// Why the task stops, once decided: the first cause stays.
    pub stop: Option<Stop>,
    /// What all containers share.
    pub site: Site,
    /// The containers by name.
    pub containers: BTreeMap<String, Container>,
    /// What is being done at the moment.
    pub busy: BTreeSet<Action>,
}

/// Why a task stops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stop {
    /// The stop code; none when the control plane asked and knows itself.
    pub code: Option<StopCode>,
    /// The reason in the user's words; none when the control plane asked.
    pub reason: Option<String>,
}

/// What all containers of a task share: network, control group, directories, log streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// Nothing has been made.
    Absent,
    /// An agent that is gone may have begun to make it.
    Begun,
    /// All is there.
    Ready,
    /// It could not be made; something may be left.
    Failed(String),
    /// It has been taken down.
    Removed,
}

/// One container.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// As the task definition has it.
    pub wanted: Wanted,
    /// As the node has it.
    pub seen: Seen,
}

/// A container as the task definition has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Whether the task stops with it.
    pub essential: bool,
    /// What must have happened to others first.
    pub depends_on: Vec<Dependency>,
    /// How long after its start others wait for it to complete or to become healthy.
    pub start_timeout: Option<Duration>,
    /// Time between SIGTERM and SIGKILL.
    pub stop_timeout: Duration,
    /// Restarts in place.
    pub restart_policy: Option<RestartPolicy>,
    /// How its health is found out.
    pub health_check: Option<HealthCheck>,
}

impl Default for Wanted {
    fn default() -> Self {
        Wanted {
            essential: true,
            depends_on: Vec::new(),
            start_timeout: None,
            stop_timeout: Wanted::STOP_TIMEOUT,
            restart_policy: None,
            health_check: None,
        }
    }
}

impl Wanted {
    /// ECS's `stopTimeout` where the task definition names none.
    pub const STOP_TIMEOUT: Duration = Duration::from_secs(30);
}

/// A condition on another container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The other container.
    pub container: String,
    /// What must have happened to it.
    pub condition: Condition,
}

/// What must have happened to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It has been created: what `volumesFrom` needs.
    Create,
    /// It has been started: what `links` need.
    Start,
    /// It has ended.
    Complete,
    /// It has ended with exit code 0.
    Success,
    /// Its health check passes.
    Healthy,
}

/// Restarts in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// Exit codes after which the container stays down.
    pub ignored_exit_codes: BTreeSet<i64>,
    /// How long it must have run before it may be restarted.
    pub attempt_period: Duration,
}

/// When and how often a container's health is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Time between the end of one check and the next.
    pub interval: Duration,
    /// Time after the start in which failures do not count.
    pub start_period: Duration,
    /// Consecutive failures that make the container unhealthy.
    pub retries: u32,
}

/// A container as the node has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Whether its image is ready to run.
    pub image_ready: bool,
    /// Where it is in its life.
    pub stage: Stage,
    /// Whether an agent that is gone may have begun to create it.
    pub begun: bool,
    /// Whether nothing of it is left on the node.
    pub removed: bool,
    /// When it was asked to end.
    pub term_sent_at: Option<Timestamp>,
    /// When it was last killed.
    pub kill_sent_at: Option<Timestamp>,
    /// What its health checks have told since its last start.
    pub health: Health,
}

/// Where a container is in its life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// It has not been created.
    #[default]
    Waiting,
    /// It has been created.
    Created,
    /// Its process runs.
    Running {
        /// When it was started, the last time.
        started_at: Timestamp,
    },
    /// Its process has ended.
    Exited(Exit),
    /// It never ran, or could not be restarted.
    Failed {
        /// What went wrong.
        failure: Failure,
        /// In ECS's words: `CannotPullContainerError: …`.
        reason: String,
    },
}

/// How a container's process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// When it had been started, the last time.
    pub started_at: Timestamp,
    /// When it ended.
    pub at: Timestamp,
    /// Its exit code; `None` when nobody saw it end.
    pub code: Option<i64>,
}

/// What kept a container from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its image.
    Pull,
    /// Its creation.
    Create,
    /// Its start.
    Start,
    /// A dependency that can never be met.
    Dependency,
}

/// What a container's health checks have told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// The verdict.
    pub status: HealthStatus,
    /// How many checks failed in a row.
    pub failures: u32,
    /// When the last check ended.
    pub checked_at: Option<Timestamp>,
}

impl Default for Health {
    fn default() -> Self {
        Health { status: HealthStatus::Unknown, failures: 0, checked_at: None }
    }
}

impl Container {
    /// Whether the process runs.
    pub fn is_running(&self) -> bool {
        matches!(self.seen.stage, Stage::Running { .. })
    }

    /// Whether it has ended, or failed, for good; as long as the task itself goes on.
    pub fn is_over(&self) -> bool {
        match &self.seen.stage {
            Stage::Exited(exit) => !self.restarts_after(exit),
            Stage::Failed { .. } => true,
            Stage::Waiting | Stage::Created | Stage::Running { .. } => false,
        }
    }

    /// Whether its process is or was there.
    pub fn has_started(&self) -> bool {
        matches!(self.seen.stage, Stage::Running { .. } | Stage::Exited(_))
    }

    /// Whether something of it may be on the node.
    pub fn needs_removal(&self) -> bool {
        (self.seen.begun || self.seen.stage != Stage::Waiting) && !self.seen.removed
    }

    /// Whether the restart policy starts it again. One that ended within the attempt period stays down.
    pub fn restarts_after(&self, exit: &Exit) -> bool {
        self.wanted.restart_policy.as_ref().is_some_and(|policy| {
            exit.code.is_none_or(|code| !policy.ignored_exit_codes.contains(&code))
                && exit.at.since(exit.started_at) >= policy.attempt_period
        })
    }
}
