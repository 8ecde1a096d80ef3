//! What follows from tasks that have ended or become healthy: failures are counted, and starts slowed down.

use std::collections::BTreeMap;
use std::time::Duration;

use model::Timestamp;
use model::ecs::RevisionId;
use model::ecs::deployment::RolloutState;
use model::ecs::service::EventCause;

use super::event;
use super::health::{self, Health};
use super::plan::{CHANGED_AT_ONCE, Plan, TaskAction};
use super::view::{TaskView, View};

/// The longest pause between two rounds of starts.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The longest pause when tasks do run, but not long enough.
const LONGEST_PAUSE_OF_CRASHES: Duration = Duration::from_secs(10);
/// Rounds that are repeated at once when tasks do not come to run.
const ROUNDS_AT_ONCE: u32 = 2;
/// Rounds that are repeated at once when tasks do run.
///
/// ECS never slows these down, as its tasks take half a minute to start. Ours take a fraction of a second: what kills
/// them once in a while is healed at once, what always crashes must not keep the node from its work.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>
const CRASHES_AT_ONCE: u32 = 25;
/// The first pause; each next is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The pause after so many rounds in a row in which tasks failed.
pub fn pause_after(failed_rounds: u32) -> Duration {
    let Some(doublings) = failed_rounds.checked_sub(ROUNDS_AT_ONCE + 1) else { return Duration::ZERO };
    FIRST_PAUSE.saturating_mul(1 << doublings.min(20)).min(LONGEST_PAUSE)
}

/// The pause after so many rounds in a row in which tasks ran, but not long enough.
fn pause_after_crashes(crashed_rounds: u32) -> Duration {
    pause_after(crashed_rounds.saturating_sub(CRASHES_AT_ONCE - ROUNDS_AT_ONCE)).min(LONGEST_PAUSE_OF_CRASHES)
}

/// Takes note of failures, of ends and of first health.
pub(super) fn decide(view: &View, health: &BTreeMap<usize, Health>, now: Timestamp, plan: &mut Plan) {
    for task in uncounted(view).take(CHANGED_AT_ONCE) {
        plan.task(&task.id, TaskAction::CountFailure);
        count_failure(task, now, plan);
    }
    let ended = view.tasks.iter().filter(|task| task.has_ended() && !task.supervision.is_settled);
    for task in ended.take(CHANGED_AT_ONCE) {
        plan.task(&task.id, TaskAction::Settle);
        // Its place is free: whatever waits for one may try at once.
        plan.service.seen.place_again_at = None;
    }
    let is_new = |(at, task): &(usize, &TaskView)| {
        health.get(at) == Some(&Health::Healthy) && task.supervision.healthy_at.is_none()
    };
    for (_, task) in view.tasks.iter().enumerate().filter(is_new).take(CHANGED_AT_ONCE) {
        plan.task(&task.id, TaskAction::NoteHealthy);
        count_success(&task.deployment, plan);
    }
}

/// Failures that nobody has counted: a task fails when its end is certain, which is before it has ended.
fn uncounted(view: &View) -> impl Iterator<Item = &TaskView> {
    let is_over = |task: &&TaskView| !task.is_live() && !task.supervision.is_counted;
    view.tasks.iter().filter(is_over).filter(|task| health::is_failure(task))
}

/// No failure is replaced before it is counted: with more of them than one plan counts, the starts wait.
pub(super) fn comes_before_starts(view: &View, plan: &mut Plan) {
    if uncounted(view).nth(CHANGED_AT_ONCE).is_some() {
        plan.start = None;
    }
}

fn count_failure(task: &TaskView, now: Timestamp, plan: &mut Plan) {
    let never_ran = task.started_at.is_none();
    let Some(deployment) = plan.service.deployment_mut(&task.deployment) else { return };
    if deployment.rollout_state == RolloutState::InProgress {
        deployment.failed_tasks += 1;
        deployment.updated_at = now;
    }
    // Tasks that were started together fail in one round.
    if deployment.start_again_at.is_none_or(|at| task.created_at >= at) {
        let pause = if never_ran {
            deployment.failed_rounds += 1;
            pause_after(deployment.failed_rounds)
        } else {
            deployment.failed_rounds = 0;
            deployment.crashed_rounds += 1;
            pause_after_crashes(deployment.crashed_rounds)
        };
        deployment.start_again_at = Some(now + pause);
    }
    let is_slowed_down = deployment.failed_rounds > ROUNDS_AT_ONCE;
    if let Some(reason) = task.why_not.as_deref().filter(|_| never_ran)
        && event::may_tell(&mut plan.service, EventCause::Launch, now)
    {
        plan.events.push(event::cannot_place(&plan.service, true, reason.trim_end_matches('.')));
    }
    if never_ran && is_slowed_down && event::may_tell(&mut plan.service, EventCause::Start, now) {
        plan.events.push(event::cannot_start(&plan.service));
    }
}

fn count_success(deployment: &RevisionId, plan: &mut Plan) {
    let resets = plan.service.spec.deployment.circuit_breaker.reset_on_healthy_task.unwrap_or(true);
    let Some(deployment) = plan.service.deployment_mut(deployment) else { return };
    if resets {
        deployment.failed_tasks = 0;
    }
    deployment.failed_rounds = 0;
    deployment.crashed_rounds = 0;
    deployment.start_again_at = None;
    plan.service.seen.told.remove(&EventCause::Start);
    plan.service.seen.told.remove(&EventCause::Launch);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_fifteen_minutes() {
        let seconds: Vec<u64> = (0..14).map(|rounds| pause_after(rounds).as_secs()).collect();
        assert_eq!(seconds, [0, 0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]);
        assert_eq!(pause_after(u32::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn crashes_are_repeated_at_once_for_a_while() {
        let seconds = [1, 25, 26, 27, u32::MAX].map(|rounds| pause_after_crashes(rounds).as_secs());
        assert_eq!(seconds, [0, 0, 5, 10, 10]);
    }
}
