//! Stops, with the words that go with them.

use std::collections::BTreeMap;

use model::ecs::TaskId;
use model::ecs::status::LastStatus;

use super::event;
use super::plan::{CHANGED_AT_ONCE, Plan, StopCause, TaskAction};
use super::targets;
use super::view::{TargetState, TaskView, View};

/// Adds stops to the plan, and the events that tell of them; what is too much for one plan comes with the next.
pub(super) fn plan(stops: &[(&TaskView, StopCause)], view: &View, plan: &mut Plan) {
    let stops = &stops[..stops.len().min(CHANGED_AT_ONCE)];
    for (task, cause) in stops {
        match cause {
            StopCause::Target(group) => tell_unhealthy(task, group, plan),
            StopCause::Checks => plan.events.push(event::failed_checks(&plan.service, &task.id)),
            StopCause::Scaling(_) | StopCause::Rebalancing(_) => {}
        }
        let drains = targets::drains(task);
        plan.task(&task.id, TaskAction::Stop { cause: cause.clone(), drains });
    }
    tell(stops, view, plan);
}

/// ECS names the tasks that ran, and counts the others.
fn tell(stops: &[(&TaskView, StopCause)], view: &View, plan: &mut Plan) {
    let (ran, pending): (Vec<_>, Vec<_>) =
        stops.iter().partition(|(task, _)| task.last >= LastStatus::Running);
    let mut moved: BTreeMap<&str, Vec<TaskId>> = BTreeMap::new();
    let mut stopped: Vec<TaskId> = Vec::new();
    for (task, cause) in ran {
        match (cause, &task.zone) {
            (StopCause::Rebalancing(_), Some(zone)) => moved.entry(zone).or_default().push(task.id.clone()),
            (
                StopCause::Rebalancing(_) | StopCause::Scaling(_) | StopCause::Checks | StopCause::Target(_),
                _,
            ) => stopped.push(task.id.clone()),
        }
    }
    let service = &view.service;
    plan.events.extend(moved.iter().map(|(zone, ids)| event::moved_out(service, zone, ids)));
    plan.events.extend((!stopped.is_empty()).then(|| event::stopped(service, &stopped)));
    plan.events.extend((!pending.is_empty()).then(|| event::stopped_pending(service, pending.len())));
}

fn tell_unhealthy(task: &TaskView, group: &str, plan: &mut Plan) {
    for target in task.targets.iter().filter(|target| target.group == group) {
        if let TargetState::Unhealthy(reason) = &target.state {
            plan.events.push(event::unhealthy(&plan.service, &task.id, target, reason));
        }
    }
}
