//! What the control plane is told: the task's status, why it stops, its containers and its health.

use model::ecs::status::{HealthStatus, StopCode};
use model::ecs::{ContainerStatus, DesiredStatus, LastStatus};

use super::plan::{ContainerReport, Report};
use super::stop::{is_gone, is_quiet};
use super::view::{Container, Failure, Site, Stage, Stop, View};

/// ECS's text for the end of an essential container.
const ESSENTIAL_EXITED: &str = "Essential container in task exited";
/// ECS's text for a container that could not be created or started.
const FAILED_TO_START: &str = "Task failed to start";

/// Why the task has to stop, if it has to.
pub(super) fn cause(view: &View) -> Option<Stop> {
    if view.desired == DesiredStatus::Stopped {
        return Some(Stop::default());
    }
    let stop = |code, reason: &str| Some(Stop { code: Some(code), reason: Some(reason.to_string()) });
    if let Site::Failed(reason) = &view.site {
        return stop(StopCode::TaskFailedToStart, reason);
    }
    let essential = |container: &&Container| container.wanted.essential;
    let over = |container: &&Container| container.is_over();
    let ended = view.containers.values().filter(essential).find(over);
    // A task of which nothing is left to run stops too, whatever was essential.
    let all_over =
        !view.containers.is_empty() && view.containers.values().all(|container| container.is_over());
    let ended = ended.or_else(|| view.containers.values().next().filter(|_| all_over));
    match &ended?.seen.stage {
        Stage::Failed { failure, reason } if view.status < LastStatus::Running => {
            let reason = if *failure == Failure::Pull { reason } else { FAILED_TO_START };
            stop(StopCode::TaskFailedToStart, reason)
        }
        _ => stop(StopCode::EssentialContainerExited, ESSENTIAL_EXITED),
    }
}

/// The report that goes with a view.
pub(super) fn render(view: &View, stop: Option<Stop>) -> Report {
    let seen_status = if stop.is_some() { status_down(view) } else { status_up(view) };
    let over = seen_status == LastStatus::Stopped;
    let containers = view.containers.iter();
    Report {
        // Forward only, whatever the view says.
        status: view.status.max(seen_status),
        health: task_health(view),
        containers: containers.map(|(name, c)| (name.clone(), container(c, stop.is_some(), over))).collect(),
        stop,
    }
}

fn status_up(view: &View) -> LastStatus {
    let begun = |container: &Container| container.has_started() || container.is_over();
    if view.site != Site::Ready {
        LastStatus::Provisioning
    } else if view.containers.values().all(begun) {
        LastStatus::Running
    } else {
        LastStatus::Pending
    }
}

fn status_down(view: &View) -> LastStatus {
    if is_gone(view) {
        LastStatus::Stopped
    } else if is_quiet(view) {
        LastStatus::Deprovisioning
    } else {
        LastStatus::Stopping
    }
}

fn container(container: &Container, stopping: bool, over: bool) -> ContainerReport {
    let restarting = matches!(&container.seen.stage, Stage::Exited(exit) if container.restarts_after(exit));
    let status = match &container.seen.stage {
        _ if over => ContainerStatus::Stopped,
        Stage::Waiting | Stage::Created => ContainerStatus::Pending,
        Stage::Running { .. } => ContainerStatus::Running,
        // Between two starts; a status cannot come back from STOPPED.
        Stage::Exited(_) if restarting && !stopping => ContainerStatus::Running,
        Stage::Exited(_) | Stage::Failed { .. } => ContainerStatus::Stopped,
    };
    let (exit_code, reason) = match &container.seen.stage {
        Stage::Exited(exit) if status == ContainerStatus::Stopped => (exit.code, None),
        // Nothing was signalled, but 143 is what the Amazon ECS agent reports here.
        Stage::Failed { failure: Failure::Dependency, reason } => (Some(143), Some(reason.clone())),
        Stage::Failed { reason, .. } => (None, Some(reason.clone())),
        _ => (None, None),
    };
    let health = container.wanted.health_check.as_ref().map(|_| health_of(container));
    ContainerReport { status, health, exit_code, reason }
}

fn health_of(container: &Container) -> HealthStatus {
    if container.is_running() { container.seen.health.status } else { HealthStatus::Unknown }
}

/// HEALTHY if all essential containers with checks are, UNHEALTHY if one is, else UNKNOWN.
fn task_health(view: &View) -> HealthStatus {
    let checked = view.containers.values().filter(|c| c.wanted.essential && c.wanted.health_check.is_some());
    let found: Vec<HealthStatus> = checked.map(health_of).collect();
    if found.contains(&HealthStatus::Unhealthy) {
        HealthStatus::Unhealthy
    } else if !found.is_empty() && found.iter().all(|status| *status == HealthStatus::Healthy) {
        HealthStatus::Healthy
    } else {
        HealthStatus::Unknown
    }
}
