//! Stops, with the words that go with them.

use model::ecs::TaskId;

use super::event;
use super::plan::{CHANGED_AT_ONCE, Plan, StopCause, TaskAction};
use super::targets;
use super::view::{TargetState, TaskView, View};

/// Adds stops to the plan, and the events that tell of them; what is too much for one plan comes with the next.
pub(super) fn plan(stops: &[(&TaskView, StopCause)], view: &View, plan: &mut Plan) {
    let stops = &stops[..stops.len().min(CHANGED_AT_ONCE)];
    for (task, cause) in stops {
        if let StopCause::Target(group) = cause {
            tell_unhealthy(task, group, plan);
        }
        let drains = targets::drains(task);
        plan.task(&task.id, TaskAction::Stop { cause: cause.clone(), drains });
    }
    if !stops.is_empty() {
        let ids: Vec<TaskId> = stops.iter().map(|(task, _)| task.id.clone()).collect();
        plan.events.push(event::stopped(&view.service, &ids));
    }
}

fn tell_unhealthy(task: &TaskView, group: &str, plan: &mut Plan) {
    for target in task.targets.iter().filter(|target| target.group == group) {
        if let TargetState::Unhealthy(reason) = &target.state {
            plan.events.push(event::unhealthy(&plan.service, &task.id, target.port, group, reason));
        }
    }
}
