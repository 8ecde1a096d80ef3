//! What the service scheduler wants done. All of a plan is committed together, but for starts, which need places.

use std::collections::BTreeMap;

use model::Timestamp;
use model::ecs::status::StopCode;
use model::ecs::supervision::Target;
use model::ecs::{ContainerInstanceId, RevisionId, Service, ServiceDeployment, TaskId};

use super::view::View;

/// The most tasks that one plan changes in one way: a plan must fit into one commit.
pub const CHANGED_AT_ONCE: usize = 8;

/// A plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The service as it is to be.
    pub service: Service,
    /// The record of its change as it is to be.
    pub record: Option<ServiceDeployment>,
    /// What becomes of single tasks.
    pub tasks: BTreeMap<TaskId, Vec<TaskAction>>,
    /// The rules whose weights change.
    pub shifts: Vec<Shift>,
    /// The tasks to start, when [`Plan::may_start`] says so; otherwise after the rest of the plan is committed.
    pub start: Option<Start>,
    /// What the user is to read, the oldest first.
    pub events: Vec<String>,
    /// When to look again although nothing changes.
    pub wake_at: Option<Timestamp>,
}

/// New weights of a listener rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// The rule's ARN, or the listener's for its default rule.
    pub rule: String,
    /// Target groups by ARN, with their weights.
    pub weights: Vec<(String, u16)>,
}

/// Tasks to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Of which revision.
    pub revision: RevisionId,
    /// Where, one for each task; anywhere, when none is named.
    pub places: Vec<Option<ContainerInstanceId>>,
    /// Why.
    pub cause: StartCause,
}

/// Why the scheduler starts tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartCause {
    /// There are fewer than wanted.
    Missing,
    /// So many of them replace tasks that are not healthy.
    Unhealthy(usize),
    /// Another zone has more tasks than it should.
    Rebalancing,
}

/// What becomes of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskAction {
    /// Note that it is healthy.
    NoteHealthy,
    /// Note that it has been counted as a failure.
    CountFailure,
    /// Note that its end has been dealt with.
    Settle,
    /// Wish its end; with connections to be drained first, it becomes DEACTIVATING.
    Stop {
        /// Why.
        cause: StopCause,
        /// Whether connections are drained first.
        drains: bool,
    },
    /// Its connections are drained: let its containers end.
    Release,
    /// Put it into a target group.
    Register(Target),
    /// Take it out of one.
    Deregister(Target),
}

/// Why the scheduler stops a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// There are to be fewer tasks of its deployment.
    Scaling(RevisionId),
    /// Another zone has got a task of its deployment in its stead.
    Rebalancing(RevisionId),
    /// Its containers' health checks fail.
    Checks,
    /// The checks of this target group fail.
    Target(String),
}

impl StopCause {
    /// The code that DescribeTasks shows.
    pub fn code(&self) -> StopCode {
        match self {
            StopCause::Scaling(_) | StopCause::Rebalancing(_) | StopCause::Checks | StopCause::Target(_) => {
                StopCode::ServiceSchedulerInitiated
            }
        }
    }

    /// The reason that DescribeTasks shows.
    pub fn reason(&self) -> String {
        match self {
            StopCause::Scaling(deployment) | StopCause::Rebalancing(deployment) => {
                format!("Scaling activity initiated by (deployment {})", deployment.deployment())
            }
            StopCause::Checks => UNHEALTHY_CONTAINERS.to_owned(),
            StopCause::Target(group) => format!("{UNHEALTHY_TARGET} (target-group {group})"),
        }
    }
}

const UNHEALTHY_CONTAINERS: &str = "Task failed container health checks";
const UNHEALTHY_TARGET: &str = "Task failed ELB health checks in";

/// Whether a stopped task's reason is that it was not healthy.
pub fn is_unhealthy_reason(reason: &str) -> bool {
    reason.starts_with(UNHEALTHY_CONTAINERS) || reason.starts_with(UNHEALTHY_TARGET)
}

impl Plan {
    /// A plan that changes nothing.
    pub(crate) fn nothing(view: &View) -> Self {
        Plan {
            service: view.service.clone(),
            record: view.record.clone(),
            tasks: BTreeMap::new(),
            shifts: Vec::new(),
            start: None,
            events: Vec::new(),
            wake_at: None,
        }
    }

    /// Whether the plan changes nothing.
    pub fn is_idle(&self, view: &View) -> bool {
        self.service == view.service
            && self.record == view.record
            && self.tasks.is_empty()
            && self.shifts.is_empty()
            && self.start.is_none()
            && self.events.is_empty()
    }

    /// Whether the starts may be carried out now, with the service and the counted failures in the same commit.
    pub fn may_start(&self, view: &View) -> bool {
        let counts = |actions: &Vec<TaskAction>| actions.iter().all(|it| *it == TaskAction::CountFailure);
        self.start.is_some()
            && self.record == view.record
            && self.shifts.is_empty()
            && self.events.is_empty()
            && self.tasks.values().all(counts)
    }

    /// Adds what becomes of a task.
    pub(crate) fn task(&mut self, id: &TaskId, action: TaskAction) {
        self.tasks.entry(id.clone()).or_default().push(action);
    }

    /// Looks again at `at`, or earlier.
    pub(crate) fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Whether the plan stops this task.
    pub(crate) fn stops(&self, id: &TaskId) -> bool {
        let stop = |action: &TaskAction| matches!(action, TaskAction::Stop { .. });
        self.tasks.get(id).is_some_and(|actions| actions.iter().any(stop))
    }
}
