//! The service scheduler: what a service needs next, decided from all that is known of it.
//!
//! [`decide`] is level-triggered: it asks what is, and not what happened. It takes note of ends, judges
//! health, moves the deployment on, and then plans starts and stops. A plan that was carried out leaves nothing to
//! decide. Look next at [`replica`], and at [`crate::deployment`] for circuit breaker and rollback.

pub mod bounds;
mod daemon;
pub mod event;
pub mod health;
pub mod place;
pub mod plan;
pub mod replica;
pub mod settle;
pub(crate) mod staged;
mod stop;
mod targets;
mod task_sets;
pub mod view;
mod zones;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod simulated_laws;
#[cfg(test)]
mod simulated_life;
#[cfg(test)]
mod staged_examples;

use std::collections::BTreeMap;
use std::time::Duration;

use model::Timestamp;
use model::ecs::deployment::RolloutState;
use model::ecs::service::{DeploymentControllerType, EventCause, SchedulingStrategy, ServiceStatus};
use model::ecs::status::LastStatus;

pub use health::Health;
pub use plan::{Plan, Shift, Start, StartCause, StopCause, TaskAction};
pub use view::{Checks, RouteView, TargetState, TargetView, TaskView, View};

use crate::deployment;

/// Decides what a service needs.
pub fn decide(view: &View, now: Timestamp) -> Plan {
    let mut plan = Plan::nothing(view);
    let health = judge(view, now, &mut plan);
    settle::decide(view, &health, now, &mut plan);
    match view.service.status {
        ServiceStatus::Active => run(view, &health, now, &mut plan),
        ServiceStatus::Draining => drain(view, now, &mut plan),
        ServiceStatus::Inactive => {}
    }
    settle::comes_before_starts(view, &mut plan);
    targets::decide(view, &mut plan);
    plan
}

/// Every task's health by its place in the view; time that may change it wakes us.
fn judge(view: &View, now: Timestamp, plan: &mut Plan) -> BTreeMap<usize, Health> {
    let seconds = view.service.spec.health_check_grace_period_seconds.unwrap_or_default();
    let grace = Duration::from_secs(u64::from(seconds));
    let judged = view.tasks.iter().map(|task| health::of(task, grace, now)).enumerate().collect();
    for health in BTreeMap::values(&judged) {
        if let Health::Coming(Some(at)) = health {
            plan.wake(*at);
        }
    }
    judged
}

fn run(view: &View, health: &BTreeMap<usize, Health>, now: Timestamp, plan: &mut Plan) {
    wake_at_end_of_protection(view, now, plan);
    match view.service.spec.controller {
        DeploymentControllerType::Ecs => {}
        // Whoever made the task sets scales them.
        DeploymentControllerType::External => return task_sets::decide(view, health, now, plan),
        // There is no CodeDeploy: no service has it.
        DeploymentControllerType::CodeDeploy => return,
    }
    deployment::before(view, health, now, plan);
    match view.service.spec.scheduling_strategy {
        SchedulingStrategy::Replica if staged::is_staged(plan) => staged::decide(view, health, now, plan),
        SchedulingStrategy::Replica => replica::decide(view, health, now, plan),
        SchedulingStrategy::Daemon => daemon::decide(view, health, now, plan),
    }
    deployment::after(view, health, now, plan);
    steady(view, plan);
}

fn wake_at_end_of_protection(view: &View, now: Timestamp, plan: &mut Plan) {
    for task in view.tasks.iter().filter(|task| task.is_live()) {
        if let Some(until) = task.supervision.protected_until.filter(|until| *until > now) {
            plan.wake(until);
        }
    }
}

/// A service is steady when as many tasks run as wanted, and nothing else is going on.
fn steady(view: &View, plan: &mut Plan) {
    let primary = plan.service.primary();
    let desired = usize::try_from(primary.desired_count).unwrap_or(usize::MAX);
    let runs = |task: &&TaskView| {
        task.is_live() && task.last == LastStatus::Running && task.deployment == primary.id
    };
    let unended = view.tasks.iter().filter(|task| !task.has_ended()).count();
    let running = view.tasks.iter().filter(runs).count();
    let stops = view.tasks.iter().any(|task| plan.stops(&task.id));
    let is_steady = primary.rollout_state == RolloutState::Completed
        && running == desired
        && unended == running
        && plan.start.is_none()
        && !stops;
    if is_steady && !plan.service.seen.is_steady {
        plan.service.seen.told.remove(&EventCause::Protection);
        plan.events.push(event::steady(&plan.service));
    }
    plan.service.seen.is_steady = is_steady;
}

/// A deleted service stops everything, and is gone once nothing runs.
fn drain(view: &View, now: Timestamp, plan: &mut Plan) {
    let live: Vec<(&TaskView, StopCause)> = view
        .tasks
        .iter()
        .filter(|task| task.is_live())
        .map(|task| (task, StopCause::Scaling(task.deployment.clone())))
        .collect();
    stop::plan(&live, view, plan);
    if view.tasks.iter().all(|task| task.last >= LastStatus::Stopping) {
        plan.service.status = ServiceStatus::Inactive;
        plan.service.task_sets.clear();
        plan.service.deleted_at = Some(now);
        deployment::abandon(now, plan);
    }
}
