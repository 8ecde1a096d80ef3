//! DAEMON: one task on each container instance where it fits.
//!
//! The wanted number is the number of instances. A rolling deployment goes instance by instance within the
//! same bounds as REPLICA's; by default an old task ends before the new one begins.

use std::collections::BTreeMap;

use model::Timestamp;
use model::ecs::ContainerInstanceId;
use model::ecs::deployment::RolloutState;

use super::bounds::{least_healthy, most_present};
use super::health::Health;
use super::plan::{Plan, Start, StartCause, StopCause};
use super::replica::STARTED_AT_ONCE;
use super::stop;
use super::view::{TaskView, View};

/// Plans starts and stops.
pub(super) fn decide(view: &View, health: &BTreeMap<usize, Health>, now: Timestamp, plan: &mut Plan) {
    let desired = u32::try_from(view.instances.len()).unwrap_or(u32::MAX);
    let primary = plan.service.primary_mut();
    if primary.desired_count != desired {
        primary.desired_count = desired;
        primary.updated_at = now;
    }
    let (primary_id, is_given_up) = (primary.id.clone(), primary.rollout_state == RolloutState::Failed);
    let configuration = &plan.service.spec.deployment;
    let least = least_healthy(desired, configuration.minimum_healthy_percent) as usize;
    let most = most_present(desired, configuration.maximum_percent) as usize;

    let mut stops: Vec<(&TaskView, StopCause)> = Vec::new();
    let mut here: BTreeMap<&ContainerInstanceId, &TaskView> = BTreeMap::new();
    let (mut old, mut counted, mut present) = (Vec::new(), 0, 0);
    for (at, task) in view.tasks.iter().enumerate() {
        present += usize::from(task.is_present());
        if !task.is_live() {
            continue;
        }
        let judged = health.get(&at).unwrap_or(&Health::Going);
        counted += usize::from(*judged == Health::Healthy);
        let fits = task.instance.as_ref().filter(|node| view.instances.contains(*node));
        let scaling = StopCause::Scaling(task.deployment.clone());
        match (fits, judged) {
            (None, _) => stops.push((task, scaling)),
            (Some(_), Health::Unhealthy(cause)) => stops.push((task, cause.clone())),
            (Some(node), _) if task.deployment == primary_id => {
                if here.insert(node, task).is_some() {
                    stops.push((task, scaling));
                }
            }
            (Some(node), judged) => old.push((node, task, judged.clone(), scaling)),
        }
    }
    let taken: Vec<&ContainerInstanceId> = old.iter().map(|(node, ..)| *node).collect();
    if !is_given_up {
        for (node, task, judged, scaling) in &old {
            let is_replaced = here.contains_key(*node);
            let is_spare = *judged != Health::Healthy || counted > least;
            if is_replaced || (present >= most && is_spare) {
                counted -= usize::from(*judged == Health::Healthy);
                stops.push((*task, scaling.clone()));
            }
        }
    }
    let occupied = |node: &ContainerInstanceId| {
        let on_it = |task: &TaskView| task.is_present() && task.instance.as_ref() == Some(node);
        here.contains_key(node)
            || (view.tasks.iter().any(on_it) && (!taken.contains(&node) || most <= desired as usize))
    };
    let free = view.instances.iter().filter(|node| !occupied(node)).cloned();
    let room = most.max(desired as usize).saturating_sub(present).min(STARTED_AT_ONCE);
    let places: Vec<Option<ContainerInstanceId>> =
        if is_given_up { Vec::new() } else { free.take(room).map(Some).collect() };
    stop::plan(&stops, view, plan);
    start(places, now, plan);
}

fn start(places: Vec<Option<ContainerInstanceId>>, now: Timestamp, plan: &mut Plan) {
    if places.is_empty() {
        return;
    }
    let primary = plan.service.primary();
    let not_before = primary.start_again_at.max(plan.service.seen.place_again_at);
    if let Some(at) = not_before.filter(|at| *at > now) {
        return plan.wake(at);
    }
    plan.start = Some(Start { revision: primary.id.clone(), places, cause: StartCause::Missing });
}
