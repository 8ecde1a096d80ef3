//! Availability zone rebalancing: a settled service whose zones differ by more than one task moves one task at a time.
//!
//! One more task is wanted for the moment, which placement puts where fewest are; once it is healthy, scale-in takes
//! one from the fullest zone. Laws: never fewer healthy tasks than wanted, never more than one above, and a move that
//! would change nothing is not tried again for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use model::Timestamp;
use model::ecs::deployment::RolloutState;
use model::ecs::volume::Switch;

use super::bounds::most_present;
use super::event;
use super::health::Health;
use super::plan::Plan;
use super::view::{TaskView, View};

/// The pause after a move that left the zones as they were.
const FRUITLESS: Duration = Duration::from_secs(15 * 60);

/// Tasks of a service in each zone where it may have some.
pub(super) type Zones = BTreeMap<String, usize>;

/// How many tasks a service is to have at this moment.
pub(super) struct Wanted {
    /// The number: one more than the service wants while one moves.
    pub desired: u32,
    /// Whether what is started or stopped now is a part of a move.
    pub moves: bool,
}

/// How many tasks the service is to have at this moment.
pub(super) fn decide(
    view: &View,
    health: &BTreeMap<usize, Health>,
    now: Timestamp,
    plan: &mut Plan,
) -> Wanted {
    let desired = plan.service.spec.desired_count;
    let wanted = usize::try_from(desired).unwrap_or(usize::MAX);
    let stays = Wanted { desired, moves: false };
    let one_more = Wanted { desired: desired.saturating_add(1), moves: true };
    let Some(zones) = settled(view, health, plan) else {
        plan.service.seen.moving = None;
        return stays;
    };
    let total: usize = zones.values().sum();
    if let Some(before) = plan.service.seen.moving {
        if total <= wanted {
            return one_more;
        }
        // The new one is there: what is too much goes from the fullest zone.
        plan.service.seen.moving = None;
        let after = without_one(&zones);
        if spread(&after) <= 1 {
            plan.events.push(event::balanced(&plan.service, &after));
        } else if unevenness(&after) >= before {
            plan.service.seen.move_again_at = Some(now + FRUITLESS);
        }
        return Wanted { desired, moves: true };
    }
    if spread(&zones) <= 1 || total != wanted || !can_leave(view, &zones, now) {
        return stays;
    }
    if let Some(at) = plan.service.seen.move_again_at.filter(|at| *at > now) {
        plan.wake(at);
        return stays;
    }
    plan.service.seen.move_again_at = None;
    plan.service.seen.moving = Some(unevenness(&zones));
    plan.events.push(event::unbalanced(&plan.service, &zones));
    one_more
}

/// The healthy tasks in each zone, when nothing else is going on and there is room for one more.
fn settled(view: &View, health: &BTreeMap<usize, Health>, plan: &Plan) -> Option<Zones> {
    let (spec, primary) = (&plan.service.spec, plan.service.primary());
    let most = most_present(spec.desired_count, spec.deployment.maximum_percent);
    let is_allowed = spec.availability_zone_rebalancing == Switch::Enabled
        && primary.rollout_state == RolloutState::Completed
        && view.zones.len() > 1
        && most > spec.desired_count;
    if !is_allowed {
        return None;
    }
    let mut zones: Zones = view.zones.iter().map(|zone| (zone.clone(), 0)).collect();
    for (at, task) in view.tasks.iter().enumerate().filter(|(_, task)| task.is_live()) {
        let is_sound = task.deployment == primary.id && !task.has_to_move;
        match health.get(&at).filter(|_| is_sound)? {
            Health::Healthy => *zones.entry(task.zone.clone()?).or_default() += 1,
            // The one that moves is on its way.
            Health::Coming(_) if plan.service.seen.moving.is_some() => {}
            Health::Coming(_) | Health::Unhealthy(_) | Health::Going => return None,
        }
    }
    Some(zones)
}

/// Whether a task may leave the fullest zone: the protected ones stay.
fn can_leave(view: &View, zones: &Zones, now: Timestamp) -> bool {
    let most = zones.values().max();
    let is_in_fullest = |task: &TaskView| task.zone.as_ref().and_then(|zone| zones.get(zone)) == most;
    view.tasks.iter().any(|task| task.is_live() && is_in_fullest(task) && !task.supervision.is_protected(now))
}

/// The zones once the fullest has one task fewer.
fn without_one(zones: &Zones) -> Zones {
    let mut after = zones.clone();
    if let Some(fullest) = after.values_mut().max() {
        *fullest = fullest.saturating_sub(1);
    }
    after
}

/// Less after every move that is of use: the sum of the squares.
fn unevenness(zones: &Zones) -> u64 {
    zones.values().map(|count| u64::try_from(count.saturating_mul(*count)).unwrap_or(u64::MAX)).sum()
}

fn spread(zones: &Zones) -> usize {
    let most = zones.values().max().copied().unwrap_or_default();
    most - zones.values().min().copied().unwrap_or_default()
}
