//! Health checks: when the next is due, and what an outcome means.

use model::Timestamp;
use model::ecs::status::HealthStatus;

use super::plan::{Action, Plan};
use super::view::{Container, Health, HealthCheck, Stage, View};

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// Exit code 0.
    Passed,
    /// Another exit code, or no end in time.
    Failed,
}

/// Plans the checks that are due. As in Docker, a check is due one interval after the start and after the end of
/// the one before.
pub(super) fn decide(view: &View, now: Timestamp, plan: &mut Plan) {
    for (name, container) in &view.containers {
        let Some(due_at) = next_check_at(container) else { continue };
        let action = Action::CheckHealth(name.clone());
        if view.busy.contains(&action) {
            continue;
        }
        if due_at <= now {
            plan.actions.push(action);
        } else {
            plan.wake(due_at);
        }
    }
}

fn next_check_at(container: &Container) -> Option<Timestamp> {
    let check = container.wanted.health_check.as_ref()?;
    let Stage::Running { started_at } = container.seen.stage else { return None };
    let last = container.seen.health.checked_at.unwrap_or(started_at).max(started_at);
    Some(last + check.interval)
}

/// A container's health after a check that ended at `at`. Within the start period failures do not count.
pub fn observe(
    health: &Health,
    check: &HealthCheck,
    outcome: CheckOutcome,
    started_at: Timestamp,
    at: Timestamp,
) -> Health {
    match outcome {
        CheckOutcome::Passed => Health { status: HealthStatus::Healthy, failures: 0, checked_at: Some(at) },
        CheckOutcome::Failed
            if health.status == HealthStatus::Unknown && at < started_at + check.start_period =>
        {
            Health { checked_at: Some(at), ..*health }
        }
        CheckOutcome::Failed => {
            let failures = health.failures.saturating_add(1);
            let status = if failures >= check.retries { HealthStatus::Unhealthy } else { health.status };
            Health { status, failures, checked_at: Some(at) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Folds outcomes, one each ten seconds, over a check with three retries and a grace of 15 s.
    fn check(outcomes: &str, expected: HealthStatus) {
        let check = HealthCheck {
            interval: Duration::from_secs(10),
            start_period: Duration::from_secs(15),
            retries: 3,
        };
        let mut at = Timestamp::EPOCH;
        let mut health = Health::default();
        for outcome in outcomes.chars() {
            at = at + check.interval;
            let outcome = if outcome == '+' { CheckOutcome::Passed } else { CheckOutcome::Failed };
            health = observe(&health, &check, outcome, Timestamp::EPOCH, at);
        }
        assert_eq!(health.status, expected, "{outcomes}");
    }

    #[test]
    fn retries_failures_in_a_row_make_unhealthy() {
        check("", HealthStatus::Unknown);
        check("+", HealthStatus::Healthy);
        check("+--", HealthStatus::Healthy);
        check("+---", HealthStatus::Unhealthy);
        check("+--+--", HealthStatus::Healthy);
        check("+---+", HealthStatus::Healthy);
    }

    #[test]
    fn failures_in_the_start_period_do_not_count() {
        check("---", HealthStatus::Unknown);
        check("----", HealthStatus::Unhealthy);
    }
}
