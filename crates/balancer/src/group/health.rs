//! When a target is healthy: a pure count of successes and failures, as ELB counts them.

use wire::link::{TargetHealthCheck, TargetReason, TargetState};

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As wanted.
    Success,
    /// Another code than wanted: HTTP's or gRPC's.
    Mismatch(u16),
    /// Too late.
    TimedOut,
    /// No connection, or no sense in what came.
    Failed,
}

/// What is known of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Initial, healthy or unhealthy; draining is another matter.
    pub state: TargetState,
    successes: u32,
    failures: u32,
    last_failure: Option<Outcome>,
}

impl Health {
    /// A target of which nothing is known.
    pub const NEW: Health =
        Health { state: TargetState::Initial, successes: 0, failures: 0, last_failure: None };
    /// A target that is not checked.
    pub const TRUSTED: Health =
        Health { state: TargetState::Healthy, successes: 0, failures: 0, last_failure: None };

    /// Counts a check. A new target is healthy with its first success.
    #[must_use]
    pub fn observe(self, check: &TargetHealthCheck, outcome: Outcome) -> Health {
        let Health { state, successes, failures, last_failure } = self;
        if outcome == Outcome::Success {
            let successes = successes.saturating_add(1);
            let enough = match state {
                TargetState::Initial => true,
                TargetState::Unhealthy => successes >= check.healthy_threshold,
                TargetState::Healthy | TargetState::Draining => false,
            };
            let (state, last_failure) =
                if enough { (TargetState::Healthy, None) } else { (state, last_failure) };
            return Health { state, successes, failures: 0, last_failure };
        }
        let failures = failures.saturating_add(1);
        let state = if failures >= check.unhealthy_threshold { TargetState::Unhealthy } else { state };
        Health { state, successes: 0, failures, last_failure: Some(outcome) }
    }

    /// Why the target is not healthy, and the same in ELB's words.
    pub fn reason(&self) -> Option<(TargetReason, String)> {
        match (self.state, self.last_failure) {
            (TargetState::Healthy, _) => None,
            (TargetState::Draining, _) => {
                Some((TargetReason::DeregistrationInProgress, "Target deregistration is in progress".into()))
            }
            (TargetState::Initial, None) => {
                Some((TargetReason::RegistrationInProgress, "Target registration is in progress".into()))
            }
            (TargetState::Initial, Some(_)) => {
                Some((TargetReason::InitialHealthChecking, "Initial health checks in progress".into()))
            }
            (TargetState::Unhealthy, Some(Outcome::Mismatch(code))) => Some((
                TargetReason::ResponseCodeMismatch,
                format!("Health checks failed with these codes: [{code}]"),
            )),
            (TargetState::Unhealthy, Some(Outcome::TimedOut)) => {
                Some((TargetReason::Timeout, "Request timed out".into()))
            }
            (TargetState::Unhealthy, Some(Outcome::Failed | Outcome::Success) | None) => {
                Some((TargetReason::FailedHealthChecks, "Health checks failed".into()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::link::{Matcher, TargetProtocol};

    use super::*;

    fn after(outcomes: &[Outcome]) -> Health {
        let check = TargetHealthCheck {
            protocol: TargetProtocol::Http,
            port: None,
            path: "/".into(),
            interval_seconds: 5,
            timeout_seconds: 2,
            healthy_threshold: 3,
            unhealthy_threshold: 2,
            matcher: Matcher::default(),
        };
        outcomes.iter().fold(Health::NEW, |health, outcome| health.observe(&check, *outcome))
    }

    fn check(outcomes: &[Outcome], state: TargetState, code: Option<&str>) {
        let health = after(outcomes);
        assert_eq!(health.state, state, "{outcomes:?}");
        assert_eq!(health.reason().map(|(reason, _)| reason.code()), code, "{outcomes:?}");
    }

    #[test]
    fn counts_are_elbs() {
        use Outcome::{Failed, Mismatch, Success, TimedOut};
        check(&[], TargetState::Initial, Some("Elb.RegistrationInProgress"));
        check(&[Failed], TargetState::Initial, Some("Elb.InitialHealthChecking"));
        check(&[Failed, Success], TargetState::Healthy, None);
        check(&[Success, Failed], TargetState::Healthy, None);
        check(&[Success, Failed, Success, Failed], TargetState::Healthy, None);
        check(&[Success, Failed, TimedOut], TargetState::Unhealthy, Some("Target.Timeout"));
        check(&[Failed, Failed, Success, Success], TargetState::Unhealthy, Some("Target.FailedHealthChecks"));
        check(&[Failed, Failed, Success, Success, Success], TargetState::Healthy, None);
        check(&[Failed, Mismatch(500)], TargetState::Unhealthy, Some("Target.ResponseCodeMismatch"));
        let words = after(&[Failed, Mismatch(500)]).reason().map(|(_, words)| words);
        assert_eq!(words.as_deref(), Some("Health checks failed with these codes: [500]"));
    }
}
