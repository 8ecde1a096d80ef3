//! REPLICA: as many tasks as wanted, all of the PRIMARY deployment's revision in the end.
//!
//! Laws: a stop of ours never takes the healthy tasks below the minimum, a start never takes the tasks
//! above the maximum. Of an older deployment a task that nobody checks counts as healthy while it runs; every other
//! counts once it has proved to be. [`keep`] does the same for one revision among several.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use model::Timestamp;
use model::ecs::RevisionId;
use model::ecs::deployment::RolloutState;
use model::ecs::service::EventCause;
use model::ecs::status::LastStatus;

use super::bounds::{least_healthy, most_present};
use super::event;
use super::health::Health;
use super::plan::{Plan, Start, StartCause, StopCause};
use super::stop;
use super::view::{TaskView, View};
use super::zones;

/// The most tasks that one plan starts.
pub const STARTED_AT_ONCE: usize = 10;

/// The service's tasks, sorted by what they count for.
struct Sorted<'a> {
    /// Of the PRIMARY deployment, wanted and not failing; and whether they have proved healthy.
    good: Vec<(&'a TaskView, bool)>,
    /// Of the PRIMARY deployment, wanted and failing their checks.
    failing: Vec<(&'a TaskView, StopCause)>,
    /// Of older deployments or where it drains, wanted, and serving as far as anybody knows.
    old_serving: Vec<&'a TaskView>,
    /// Of older deployments or where it drains, wanted, and of no use.
    old_useless: Vec<&'a TaskView>,
    /// How many of the PRIMARY deployment's have proved healthy.
    healthy: usize,
    /// Those that count against the maximum.
    present: usize,
    /// Those among them that have been told to stop.
    leaving: usize,
}

/// A number of tasks of one revision that is to be there.
pub(super) struct Group {
    /// The revision.
    pub revision: RevisionId,
    /// The number.
    pub desired: u32,
    /// Whether missing ones are started: not those of a revision that was given up.
    pub starts: bool,
    /// Whether the tasks of all other revisions make way for them; otherwise they are none of its business.
    pub replaces_others: bool,
    /// Whether what is started or stopped now moves a task to another zone.
    pub moves: bool,
}

impl Group {
    /// Whether a task is to stay in the group; `None` for one that is not its business.
    fn keeps(&self, task: &TaskView) -> Option<bool> {
        if task.deployment == self.revision {
            return Some(!task.has_to_move);
        }
        self.replaces_others.then_some(false)
    }
}

/// Plans starts and stops.
pub(super) fn decide(view: &View, health: &BTreeMap<usize, Health>, now: Timestamp, plan: &mut Plan) {
    let zones::Wanted { desired, moves } = zones::decide(view, health, now, plan);
    let primary = plan.service.primary();
    let group = Group {
        revision: primary.id.clone(),
        desired,
        starts: primary.rollout_state != RolloutState::Failed,
        replaces_others: true,
        moves,
    };
    keep(view, health, &group, now, plan);
}

/// Plans the starts and stops of one group.
pub(super) fn keep(
    view: &View,
    health: &BTreeMap<usize, Health>,
    group: &Group,
    now: Timestamp,
    plan: &mut Plan,
) {
    let sorted = sort(view, health, group);
    let configuration = &plan.service.spec.deployment;
    let desired = to_usize(group.desired);
    // Bounds are those of the number that the service wants, whatever moves at the moment.
    let bound = group.desired.min(plan.service.spec.desired_count);
    let least = to_usize(least_healthy(bound, configuration.minimum_healthy_percent));
    let most = to_usize(most_present(bound, configuration.maximum_percent));

    let missing = if group.starts { desired.saturating_sub(sorted.good.len()) } else { 0 };
    let room = most.saturating_sub(sorted.present);
    let room_soon = most.saturating_sub(sorted.present - sorted.leaving);
    let has_no_place = plan.service.seen.placements_refused > 0;
    let short = if has_no_place { missing } else { missing.saturating_sub(room_soon) };

    let mut stops: Vec<(&TaskView, StopCause)> = Vec::new();
    scale_in(&sorted, group, least, now, &mut stops);
    replace_failing(&sorted, desired, short, now, &mut stops);
    if group.starts || desired == 0 {
        retire(&sorted, desired, least, short, now, &mut stops);
    }
    let is_stuck = short > 0 && !has_no_place && stops.is_empty() && sorted.leaving == 0;
    if is_stuck && sorted.good.len() == sorted.healthy && !sorted.old_serving.is_empty() {
        tell_stuck(now, plan);
    }
    tell_protected(&sorted, desired, &stops, now, plan);
    stop::plan(&stops, view, plan);
    let count = missing.min(room);
    let cause = match sorted.failing.len().min(count) {
        _ if group.moves => StartCause::Rebalancing,
        0 => StartCause::Missing,
        unhealthy => StartCause::Unhealthy(unhealthy),
    };
    start(&group.revision, count, cause, now, plan);
}

fn sort<'a>(view: &'a View, health: &BTreeMap<usize, Health>, group: &Group) -> Sorted<'a> {
    let mut sorted = Sorted {
        good: Vec::new(),
        failing: Vec::new(),
        old_serving: Vec::new(),
        old_useless: Vec::new(),
        healthy: 0,
        present: 0,
        leaving: 0,
    };
    for (at, task) in view.tasks.iter().enumerate() {
        let Some(stays) = group.keeps(task) else { continue };
        if task.is_present() {
            sorted.present += 1;
            sorted.leaving += usize::from(!task.is_live());
        }
        match (health.get(&at).unwrap_or(&Health::Going), stays) {
            (Health::Going, _) => {}
            (Health::Unhealthy(cause), true) => sorted.failing.push((task, cause.clone())),
            (Health::Healthy, true) => {
                sorted.healthy += 1;
                sorted.good.push((task, true));
            }
            (Health::Coming(_), true) => sorted.good.push((task, false)),
            (Health::Healthy, false) => sorted.old_serving.push(task),
            (Health::Coming(_), false) if task.last == LastStatus::Running && !task.is_checked() => {
                sorted.old_serving.push(task);
            }
            (Health::Coming(_) | Health::Unhealthy(_), false) => sorted.old_useless.push(task),
        }
    }
    sorted
}

/// Fewer tasks than there are: those that do not run yet go first, then those of the fullest zone, the youngest first.
fn scale_in<'a>(
    sorted: &Sorted<'a>,
    group: &Group,
    least: usize,
    now: Timestamp,
    stops: &mut Vec<(&'a TaskView, StopCause)>,
) {
    let surplus = sorted.good.len().saturating_sub(to_usize(group.desired));
    let mut spare = (sorted.healthy + sorted.old_serving.len()).saturating_sub(least);
    let mut zones: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    sorted.good.iter().for_each(|(task, _)| *zones.entry(task.zone.as_deref()).or_default() += 1);
    let free = |(task, _): &&(&TaskView, bool)| !task.supervision.is_protected(now);
    let mut left: Vec<(&TaskView, bool)> = sorted.good.iter().filter(free).copied().collect();
    for _ in 0..surplus {
        let rank = |(task, is_healthy): &(&TaskView, bool)| {
            let runs = task.last == LastStatus::Running;
            let crowd = zones.get(&task.zone.as_deref()).copied().unwrap_or_default();
            (*is_healthy, runs, Reverse(crowd), Reverse(task.created_at), task.id.clone())
        };
        let Some(at) = (0..left.len()).min_by_key(|at| rank(&left[*at])) else { return };
        let (task, is_healthy) = left.swap_remove(at);
        if is_healthy && spare == 0 {
            return;
        }
        spare -= usize::from(is_healthy);
        zones.entry(task.zone.as_deref()).and_modify(|crowd| *crowd -= 1);
        let deployment = task.deployment.clone();
        let cause =
            if group.moves { StopCause::Rebalancing(deployment) } else { StopCause::Scaling(deployment) };
        stops.push((task, cause));
    }
}

/// Failing tasks go once they are replaced; without room for a replacement they go first, one after the other.
fn replace_failing<'a>(
    sorted: &Sorted<'a>,
    desired: usize,
    short: usize,
    now: Timestamp,
    stops: &mut Vec<(&'a TaskView, StopCause)>,
) {
    let stoppable = sorted.failing.iter().filter(|(task, _)| !task.supervision.is_protected(now));
    if sorted.healthy >= desired {
        stops.extend(stoppable.cloned());
    } else if short > 0 && sorted.leaving == 0 {
        stops.extend(stoppable.min_by_key(|(task, _)| (task.started_at, task.id.clone())).cloned());
    }
}

/// Older deployments make way: what is of no use at once, the others as they are replaced, or as room is needed.
fn retire<'a>(
    sorted: &Sorted<'a>,
    desired: usize,
    least: usize,
    short: usize,
    now: Timestamp,
    stops: &mut Vec<(&'a TaskView, StopCause)>,
) {
    let free = |task: &&&TaskView| !task.supervision.is_protected(now);
    let scaling = |task: &'a TaskView| (task, StopCause::Scaling(task.deployment.clone()));
    stops.extend(sorted.old_useless.iter().filter(free).map(|task| scaling(task)));
    // The healthy tasks that this plan stops already are no longer there to be counted.
    let is_stopped = |id| stops.iter().any(|(task, _)| task.id == id);
    let healthy_stopped =
        sorted.good.iter().filter(|(task, is_healthy)| *is_healthy && is_stopped(task.id.clone())).count();
    let counted = (sorted.healthy + sorted.old_serving.len()).saturating_sub(healthy_stopped);
    let replaced = counted.saturating_sub(desired);
    let for_room = short.min(counted.saturating_sub(least));
    let mut serving: Vec<&TaskView> = sorted.old_serving.iter().filter(free).copied().collect();
    serving.sort_by_key(|task| (task.created_at, task.id.clone()));
    stops.extend(serving.into_iter().take(replaced.max(for_room)).map(scaling));
}

/// Tells of tasks that stay only because they are protected.
fn tell_protected(
    sorted: &Sorted<'_>,
    desired: usize,
    stops: &[(&TaskView, StopCause)],
    now: Timestamp,
    plan: &mut Plan,
) {
    let is_stopped = |task: &TaskView| stops.iter().any(|(stopped, _)| stopped.id == task.id);
    let good = sorted.good.iter().map(|(task, _)| *task);
    let surplus = good.clone().filter(|task| !is_stopped(task)).count().saturating_sub(desired);
    let is_replaced = sorted.healthy + sorted.old_serving.len() > desired;
    let old = sorted.old_serving.iter().filter(|_| is_replaced).chain(&sorted.old_useless).copied();
    let is_protected = |task: &&TaskView| task.supervision.is_protected(now);
    let mut held: BTreeMap<RevisionId, usize> = BTreeMap::new();
    for task in good.filter(is_protected).take(surplus).chain(old.filter(is_protected)) {
        *held.entry(task.deployment.clone()).or_default() += 1;
    }
    if !held.is_empty() && event::may_tell(&mut plan.service, EventCause::Protection, now) {
        plan.events.extend(held.iter().map(|(id, count)| event::protected(&plan.service, id, *count)));
    }
}

fn tell_stuck(now: Timestamp, plan: &mut Plan) {
    if event::may_tell(&mut plan.service, EventCause::Configuration, now) {
        plan.events.push(event::cannot_deploy(&plan.service));
    }
}

/// Plans starts, unless the plan has some of another group: those come first.
fn start(revision: &RevisionId, count: usize, cause: StartCause, now: Timestamp, plan: &mut Plan) {
    if count == 0 || plan.start.is_some() {
        return;
    }
    let deployment = plan.service.deployments.iter().find(|it| it.id == *revision);
    let again_at = deployment.and_then(|deployment| deployment.start_again_at);
    let not_before = again_at.max(plan.service.seen.place_again_at);
    if let Some(at) = not_before.filter(|at| *at > now) {
        return plan.wake(at);
    }
    let places = vec![None; count.min(STARTED_AT_ONCE)];
    plan.start = Some(Start { revision: revision.clone(), places, cause });
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
