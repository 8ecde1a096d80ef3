//! Whether a task of a service is healthy: what its containers' checks and its load balancers say.
//!
//! A task that nobody checks is taken for healthy once it has run for a while, as in ECS: one that
//! crashes soon after its start must not replace a good one.

use std::time::Duration;

use model::Timestamp;
use model::ecs::status::{LastStatus, StopCode};

use super::plan::StopCause;
use super::view::{Checks, TargetState, TaskView};

/// How long a task that nobody checks has to run before it counts as healthy.
pub const UNCHECKED_FOR: Duration = Duration::from_secs(40);

/// What is known of a task's health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It is on its way up; time alone may make it something else at this moment.
    Coming(Option<Timestamp>),
    /// It does its work.
    Healthy,
    /// It fails its checks.
    Unhealthy(StopCause),
    /// It is on its way down.
    Going,
}

/// Judges a task. Failing checks of a young task are ignored for `grace`.
pub fn of(task: &TaskView, grace: Duration, now: Timestamp) -> Health {
    if !task.is_live() || task.last > LastStatus::Running {
        return Health::Going;
    }
    let Some(started_at) = task.started_at.filter(|_| task.last == LastStatus::Running) else {
        return Health::Coming(None);
    };
    if let Some(cause) = failing(task) {
        let tolerated_until = started_at + grace;
        if now < tolerated_until {
            return Health::Coming(Some(tolerated_until));
        }
        return Health::Unhealthy(cause);
    }
    if task.supervision.healthy_at.is_some() {
        return Health::Healthy;
    }
    if !task.is_checked() {
        let proven_at = started_at + UNCHECKED_FOR;
        return if now >= proven_at { Health::Healthy } else { Health::Coming(Some(proven_at)) };
    }
    let checks_pass = task.checks != Checks::Unknown;
    let targets_pass = task.targets.iter().all(|target| target.state == TargetState::Healthy);
    if checks_pass && targets_pass { Health::Healthy } else { Health::Coming(None) }
}

fn failing(task: &TaskView) -> Option<StopCause> {
    if task.checks == Checks::Failing {
        return Some(StopCause::Checks);
    }
    let failing = |state: &TargetState| matches!(state, TargetState::Unhealthy(_));
    let target = task.targets.iter().find(|target| failing(&target.state))?;
    Some(StopCause::Target(target.group.clone()))
}

/// Whether an ended task is a failure of its deployment: it ended by itself before it was healthy, or was stopped
/// for its bad health.
pub(super) fn is_failure(task: &TaskView) -> bool {
    if task.was_unhealthy {
        return true;
    }
    match task.stop_code {
        Some(
            StopCode::UserInitiated
            | StopCode::ServiceSchedulerInitiated
            | StopCode::SpotInterruption
            | StopCode::TerminationNotice
            | StopCode::InfrastructureHealth,
        ) => false,
        Some(StopCode::TaskFailedToStart | StopCode::EssentialContainerExited) | None => !was_healthy(task),
    }
}

fn was_healthy(task: &TaskView) -> bool {
    let ran = task.started_at.zip(task.ended_at).map(|(started, ended)| ended.since(started));
    task.supervision.healthy_at.is_some()
        || (!task.is_checked() && ran.is_some_and(|ran| ran >= UNCHECKED_FOR))
}
