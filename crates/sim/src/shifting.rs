//! The laws of deployments that shift traffic: the rule says what the record says, a new revision stands before it is
//! seen, and who has traffic keeps its tasks. Pure.
//!
//! In the world one service shifts traffic, by the default rule of one listener.

use std::collections::{BTreeMap, BTreeSet};

use model::ecs::deployment::RolloutState;
use model::ecs::lifecycle::LifecycleStage;
use model::ecs::service::ServiceStatus;
use model::ecs::{Service, ServiceDeployment, Task};
use model::elbv2::{Action, Listener};
use reconcile::service::bounds::least_healthy;

use crate::serving::owner;
use crate::targets::Sightings;

/// The weights of the production rule, by target group.
pub type Weights = BTreeMap<String, u16>;

/// What the rule of a listener does at the moment.
pub fn weights(listener: &Listener) -> Weights {
    match &listener.default_action {
        Action::Forward(forward) => {
            let weight =
                |it: &model::elbv2::WeightedGroup| (it.group.arn(&listener.scope).to_string(), it.weight);
            forward.groups.iter().map(weight).collect()
        }
        Action::Redirect(_) | Action::FixedResponse(_) => Weights::new(),
    }
}

/// Tasks that serve without fault, by the target group that they are registered in.
pub type Fit = BTreeMap<String, usize>;

/// Counts those of `service` for which `is_fit`.
pub fn fit<'a>(tasks: impl Iterator<Item = &'a Task>, service: &str, is_fit: impl Fn(&Task) -> bool) -> Fit {
    let mut counts = Fit::new();
    for task in tasks.filter(|task| owner(task) == Some(service) && is_fit(task)) {
        for entry in task.supervision.targets.iter().filter(|entry| !entry.is_deregistered) {
            *counts.entry(entry.group.clone()).or_default() += 1;
        }
    }
    counts
}

/// What a commit did to the service that shifts traffic.
#[derive(Clone, Copy, Debug)]
pub struct Shifted<'a> {
    /// The service after it.
    pub service: &'a Service,
    /// The record of its present change before it, if it had one.
    pub old: Option<&'a ServiceDeployment>,
    /// The same after it.
    pub new: &'a ServiceDeployment,
    /// What the production rule does after it.
    pub weights: &'a Weights,
    /// Every task by ARN.
    pub tasks: &'a [(&'a str, &'a Task)],
    /// Those whose end it wished.
    pub stopped: &'a [&'a Task],
    /// The tasks, by ARN, whose target the balancer has found healthy.
    pub proven: &'a BTreeSet<String>,
    /// Tasks that served without fault before it.
    pub before: &'a Fit,
    /// What is known of targets.
    pub sightings: &'a Sightings,
}

/// What is broken after a commit.
pub fn laws(shifted: &Shifted<'_>) -> Vec<String> {
    let found = [agrees(shifted), stands(shifted), keeps(shifted)];
    let name = shifted.service.name.as_str();
    found.into_iter().flatten().map(|law| format!("service {name}: {law}")).collect()
}

/// The record's share and the rule's weights change together.
fn agrees(shifted: &Shifted<'_>) -> Option<String> {
    let record = shifted.new;
    let lifecycle = record.lifecycle.as_ref().filter(|_| !record.status.is_final())?;
    let (from, to) = lifecycle.production.weights();
    let (mut wanted, mut found) = (vec![from, to], shifted.weights.values().copied().collect::<Vec<_>>());
    wanted.sort_unstable();
    found.sort_unstable();
    let share = lifecycle.production.percent();
    (wanted != found)
        .then(|| format!("the record gives {share} percent away, and the rule's weights are {found:?}"))
}

/// A new revision is not seen before all of its tasks have been found healthy.
fn stands(shifted: &Shifted<'_>) -> Option<String> {
    let stage = |record: &ServiceDeployment| record.lifecycle.as_ref().map(|lifecycle| lifecycle.stage);
    let before = shifted.old.filter(|old| old.id == shifted.new.id).and_then(stage);
    let is_up = |stage: LifecycleStage| stage > LifecycleStage::ScaleUp;
    let comes_up = stage(shifted.new).is_some_and(is_up) && !before.is_some_and(is_up);
    if !comes_up || shifted.new.rollback.is_some() {
        return None;
    }
    let id = shifted.new.target.deployment();
    let own = shifted.tasks.iter().filter(|(_, task)| task.spec.started_by.as_ref() == Some(&id));
    let proven = own.filter(|(arn, _)| shifted.proven.contains(*arn)).count();
    let wanted = shifted.service.spec.desired_count as usize;
    (proven < wanted)
        .then(|| format!("a new revision is up with {proven} healthy tasks, where {wanted} are wanted"))
}

/// A target group with production traffic keeps its healthy tasks.
fn keeps(shifted: &Shifted<'_>) -> Option<String> {
    let service = shifted.service;
    let by_scheduler = shifted.stopped.iter().any(|task| {
        let reason = task.seen.stopped_reason.as_deref().unwrap_or_default();
        owner(task) == Some(service.name.as_str()) && reason.starts_with("Scaling activity")
    });
    if service.status != ServiceStatus::Active || !by_scheduler {
        return None;
    }
    let sightings = shifted.sightings;
    let is_fit = |task: &Task| {
        crate::serving::serves(task) && crate::serving::is_proven(task) && sightings.was_well(task)
    };
    let tasks = shifted.tasks.iter().map(|(_, task)| *task);
    let after = fit(tasks, service.name.as_str(), is_fit);
    let least = least_healthy(service.spec.desired_count, 100) as usize;
    shifted.weights.iter().filter(|(_, weight)| **weight > 0).find_map(|(group, _)| {
        let count = |fit: &Fit| fit.get(group).copied().unwrap_or_default();
        let (before, after) = (count(shifted.before), count(&after));
        (after < before.min(least)).then(|| {
            format!("{after} healthy tasks are left where traffic goes, {before} were there, and {least} are wanted")
        })
    })
}

/// What is wrong with the rule long after the storm: all traffic goes where the service's tasks are, once its deployment
/// is done. One that finds no place for its tasks never is.
pub fn astray(service: &Service, weights: &Weights, tasks: &[&Task]) -> Option<String> {
    let own = fit(tasks.iter().copied(), service.name.as_str(), crate::serving::serves);
    let is_alone = |group: &String| weights.iter().all(|(it, weight)| (it == group) == (*weight > 0));
    let is_done = service.primary().rollout_state == RolloutState::Completed;
    let is_settled = service.status == ServiceStatus::Active && is_done && !own.is_empty();
    (is_settled && !own.keys().all(is_alone)).then(|| {
        format!("service {}: its tasks are in {own:?}, and traffic goes by {weights:?}", service.name)
    })
}
