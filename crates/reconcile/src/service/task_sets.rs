//! EXTERNAL: each task set keeps its own share of the service's tasks; who makes, scales and deletes them is outside.
//!
//! Laws: a task set has as many tasks as its scale says, a deleted one none, and is gone once nothing of it is left.

use std::collections::BTreeMap;

use model::Timestamp;
use model::ecs::RevisionId;
use model::ecs::service::EventCause;
use model::ecs::status::LastStatus;
use model::ecs::task_set::{StabilityStatus, TaskSet, TaskSetStatus};

use super::event;
use super::health::Health;
use super::plan::{Plan, StopCause};
use super::replica::{self, Group};
use super::stop;
use super::view::{TaskView, View};

/// Plans starts and stops, and notes what is steady.
pub(super) fn decide(view: &View, health: &BTreeMap<usize, Health>, now: Timestamp, plan: &mut Plan) {
    for set in plan.service.task_sets.clone() {
        match set.status {
            TaskSetStatus::Draining => drain(view, &set.revision, plan),
            TaskSetStatus::Primary | TaskSetStatus::Active => {
                let group = Group {
                    desired: set.scale.of(plan.service.spec.desired_count),
                    revision: set.revision,
                    starts: true,
                    replaces_others: false,
                    moves: false,
                };
                replica::keep(view, health, &group, now, plan);
            }
        }
    }
    forget_the_gone(view, plan);
    note_stability(view, health, now, plan);
}

fn drain(view: &View, revision: &RevisionId, plan: &mut Plan) {
    let live = view.tasks.iter().filter(|task| task.deployment == *revision && task.is_live());
    let stops: Vec<(&TaskView, StopCause)> =
        live.map(|task| (task, StopCause::Scaling(task.deployment.clone()))).collect();
    stop::plan(&stops, view, plan);
}

/// A deleted task set goes with the last of its tasks.
fn forget_the_gone(view: &View, plan: &mut Plan) {
    let has_tasks = |id: &RevisionId| view.tasks.iter().any(|task| task.deployment == *id);
    let is_gone = |set: &TaskSet| set.status == TaskSetStatus::Draining && !has_tasks(&set.revision);
    let service = &mut plan.service;
    let gone: Vec<RevisionId> =
        service.task_sets.iter().filter(|set| is_gone(set)).map(|set| set.revision.clone()).collect();
    service.task_sets.retain(|set| !gone.contains(&set.revision));
    service.deployments.retain(|deployment| !gone.contains(&deployment.id));
}

fn note_stability(view: &View, health: &BTreeMap<usize, Health>, now: Timestamp, plan: &mut Plan) {
    let mut sets = plan.service.task_sets.clone();
    for set in &mut sets {
        let is_steady = is_steady(view, health, set, plan);
        let stability = if is_steady { StabilityStatus::SteadyState } else { StabilityStatus::Stabilizing };
        if set.stability == stability {
            continue;
        }
        (set.stability, set.stability_at) = (stability, now);
        if is_steady {
            plan.events.push(event::set_steady(&plan.service, &set.revision));
        }
    }
    let is_steady = sets.iter().all(|set| set.stability == StabilityStatus::SteadyState);
    if is_steady && !plan.service.seen.is_steady && !sets.is_empty() {
        plan.service.seen.told.remove(&EventCause::Protection);
        plan.events.push(event::steady(&plan.service));
    }
    plan.service.seen.is_steady = is_steady;
    plan.service.task_sets = sets;
}

/// As ECS defines it: the wanted number runs, nothing is on its way, nothing has to move, and all are healthy.
fn is_steady(view: &View, health: &BTreeMap<usize, Health>, set: &TaskSet, plan: &Plan) -> bool {
    let desired = usize::try_from(set.scale.of(plan.service.spec.desired_count)).unwrap_or(usize::MAX);
    let own = view.tasks.iter().enumerate().filter(|(_, task)| task.deployment == set.revision);
    let mut unended = 0;
    for (at, task) in own.filter(|(_, task)| !task.has_ended()) {
        unended += 1;
        let is_well = task.last == LastStatus::Running
            && task.is_live()
            && !task.has_to_move
            && !plan.stops(&task.id)
            && health.get(&at) == Some(&Health::Healthy);
        if !is_well {
            return false;
        }
    }
    unended == desired && set.status != TaskSetStatus::Draining
}
