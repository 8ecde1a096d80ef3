//! Load balancers: tasks join their target groups when they run, and leave them before they stop.

use std::collections::BTreeMap;

use model::Timestamp;
use model::ecs::RevisionId;
use model::ecs::status::LastStatus;
use model::ecs::supervision::Target;

use super::event;
use super::plan::{CHANGED_AT_ONCE, Plan, TaskAction};
use super::view::{TargetState, TaskView, View};

/// Plans registrations, deregistrations and the ends of drained tasks. Comes last: it follows the stops.
pub(super) fn decide(view: &View, plan: &mut Plan) {
    let (mut joined, mut left): (BTreeMap<String, usize>, BTreeMap<String, usize>) = Default::default();
    let mut draining: BTreeMap<RevisionId, usize> = BTreeMap::new();
    let mut changed = 0;
    for task in &view.tasks {
        // A task that is not taken now comes with the next plan; one that ends must not be settled before it leaves.
        if changed >= CHANGED_AT_ONCE && !plan.tasks.contains_key(&task.id) {
            continue;
        }
        let before = plan.tasks.get(&task.id).map_or(0, Vec::len);
        let goes = !task.is_live() || plan.stops(&task.id) || task.last > LastStatus::Running;
        if goes {
            let leaving: Vec<Target> = registered(task).cloned().collect();
            if !leaving.is_empty() && !task.has_ended() {
                *draining.entry(task.deployment.clone()).or_default() += 1;
            }
            for target in leaving {
                *left.entry(target.group.clone()).or_default() += 1;
                plan.task(&task.id, TaskAction::Deregister(target));
            }
            if task.last == LastStatus::Deactivating {
                if is_drained(task) {
                    plan.task(&task.id, TaskAction::Release);
                }
                task.targets
                    .iter()
                    .filter_map(|target| drained_at(&target.state))
                    .for_each(|at| plan.wake(at));
            }
        } else if task.last == LastStatus::Running {
            for target in missing(task) {
                *joined.entry(target.group.clone()).or_default() += 1;
                plan.task(&task.id, TaskAction::Register(target));
            }
        }
        changed += usize::from(plan.tasks.get(&task.id).map_or(0, Vec::len) > before);
    }
    let service = &plan.service;
    let mut events: Vec<String> = Vec::new();
    events.extend(joined.iter().map(|(group, count)| event::registered(service, *count, group)));
    events.extend(left.iter().map(|(group, count)| event::deregistered(service, *count, group)));
    events.extend(draining.iter().map(|(deployment, count)| event::draining(service, deployment, *count)));
    plan.events.extend(events);
}

fn registered(task: &TaskView) -> impl Iterator<Item = &Target> {
    task.supervision.targets.iter().filter(|target| !target.is_deregistered)
}

/// The target groups that a running task is to join and has not joined.
fn missing(task: &TaskView) -> impl Iterator<Item = Target> + '_ {
    let known = |wanted: &&super::view::TargetView| {
        let same = |target: &Target| target.group == wanted.group && target.port == wanted.port;
        !task.supervision.targets.iter().any(same)
    };
    // Without a port its place is not known yet.
    task.targets.iter().filter(|wanted| wanted.port > 0).filter(known).map(|wanted| Target {
        group: wanted.group.clone(),
        id: wanted.id.clone(),
        port: wanted.port,
        is_deregistered: false,
    })
}

/// Whether no connection is left: every entry is out, or nobody used it.
fn is_drained(task: &TaskView) -> bool {
    let out = |target: &super::view::TargetView| match target.state {
        TargetState::Absent | TargetState::Unused => true,
        TargetState::Initial
        | TargetState::Healthy
        | TargetState::Unhealthy(_)
        | TargetState::Draining(_) => false,
    };
    registered(task).next().is_none() && task.targets.iter().all(out)
}

/// When a target's draining is over, whoever tells of it.
fn drained_at(state: &TargetState) -> Option<Timestamp> {
    match state {
        TargetState::Draining(until) => *until,
        TargetState::Absent
        | TargetState::Initial
        | TargetState::Healthy
        | TargetState::Unhealthy(_)
        | TargetState::Unused => None,
    }
}

/// Whether a task has connections to drain before it ends.
pub(super) fn drains(task: &TaskView) -> bool {
    task.last == LastStatus::Running && registered(task).next().is_some()
}
