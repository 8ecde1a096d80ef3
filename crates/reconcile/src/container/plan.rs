//! What the decider answers: actions, the next wake-up, what is waited for, and a report.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;
use model::ecs::status::HealthStatus;
use model::ecs::{ContainerStatus, LastStatus};

use super::view::Stop;

/// One thing to do. Actions of one plan are independent and may run at the same time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Make what all containers share.
    Provision,
    /// Fetch and unpack a container's image.
    PullImage(String),
    /// Stop waiting for a pull that nobody needs any more.
    CancelPull(String),
    /// Create a container.
    CreateContainer(String),
    /// Start a container, or start it again.
    StartContainer(String),
    /// Record that a container can never start, with the reason in ECS's words and exit code 143.
    GiveUp {
        /// The container.
        container: String,
        /// Why.
        reason: String,
    },
    /// Run a container's health check once; its outcome goes through [`super::observe`].
    CheckHealth(String),
    /// Send a signal to a container's first process.
    Signal {
        /// The container.
        container: String,
        /// Which signal.
        signal: Signal,
    },
    /// Remove a container that does not run.
    DeleteContainer(String),
    /// Take down what all containers share.
    Deprovision,
}

/// A signal for a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// The image's stop signal, SIGTERM where it names none.
    Term,
    /// SIGKILL.
    Kill,
}

/// Something from outside that a task waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// The end of something that is being done.
    Done(Action),
    /// The end of a container's process.
    Exit(String),
    /// The control plane wants the task stopped.
    StopRequest,
}

/// What to do, when to look again though nothing happens, and what to tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What to do now.
    pub actions: Vec<Action>,
    /// When time alone changes the answer.
    pub wake_at: Option<Timestamp>,
    /// What else changes the answer.
    pub waits_for: BTreeSet<Event>,
    /// What the control plane is to know.
    pub report: Report,
}

impl Plan {
    /// Wakes at `at`, or earlier.
    pub(super) fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}

/// A task's state as the control plane is to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The task's status; never earlier than the last one.
    pub status: LastStatus,
    /// Why the task stops, if it does.
    pub stop: Option<Stop>,
    /// HEALTHY only if every essential container with a check is.
    pub health: HealthStatus,
    /// The containers by name.
    pub containers: BTreeMap<String, ContainerReport>,
}

impl Default for Report {
    fn default() -> Self {
        Report {
            status: LastStatus::Provisioning,
            stop: None,
            health: HealthStatus::Unknown,
            containers: BTreeMap::new(),
        }
    }
}

/// A container's state as the control plane is to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerReport {
    /// PENDING, RUNNING (also between two starts) or STOPPED.
    pub status: ContainerStatus,
    /// Its health; `None` when it has no check.
    pub health: Option<HealthStatus>,
    /// Its exit code, once it has ended.
    pub exit_code: Option<i64>,
    /// Why it never ran.
    pub reason: Option<String>,
}
