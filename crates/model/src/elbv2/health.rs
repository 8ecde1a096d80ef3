//! What is known of a target's health, in ELB's words.

use serde::{Deserialize, Serialize};

use crate::ecs::text::text_enum;

text_enum! {
    /// Where a target stands.
    pub enum TargetState {
        /// Its first health checks are under way.
        Initial = "initial",
        /// It receives requests.
        Healthy = "healthy",
        /// Its health checks fail.
        Unhealthy = "unhealthy",
        /// Nothing is sent to it: not registered, or its group is in no listener.
        Unused = "unused",
        /// It finishes what it has.
        Draining = "draining",
        /// Nobody looks at its health.
        Unavailable = "unavailable",
    }
}

text_enum! {
    /// Why a target stands where it does.
    pub enum TargetReason {
        /// The data plane has not taken it up yet.
        RegistrationInProgress = "Elb.RegistrationInProgress",
        /// Its first health checks are under way.
        InitialHealthChecking = "Elb.InitialHealthChecking",
        /// It answered with a code that does not count as healthy.
        ResponseCodeMismatch = "Target.ResponseCodeMismatch",
        /// It did not answer in time.
        Timeout = "Target.Timeout",
        /// It could not be connected, or answered something malformed.
        FailedHealthChecks = "Target.FailedHealthChecks",
        /// It is not registered.
        NotRegistered = "Target.NotRegistered",
        /// No listener or rule forwards to its group.
        NotInUse = "Target.NotInUse",
        /// It finishes what it has.
        DeregistrationInProgress = "Target.DeregistrationInProgress",
        /// Nobody looks at its health.
        HealthCheckDisabled = "Target.HealthCheckDisabled",
        /// The health check itself failed.
        InternalError = "Elb.InternalError",
    }
}

/// A target's health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetHealth {
    /// Where it stands.
    pub state: TargetState,
    /// Why; none for a healthy one.
    #[serde(default)]
    pub reason: Option<TargetReason>,
    /// The reason in ELB's sentence.
    #[serde(default)]
    pub description: Option<String>,
}

impl TargetHealth {
    /// It receives requests.
    pub fn healthy() -> Self {
        TargetHealth { state: TargetState::Healthy, reason: None, description: None }
    }

    /// A state and its reason, in the reason's usual words.
    pub fn because(state: TargetState, reason: TargetReason) -> Self {
        TargetHealth { state, reason: Some(reason), description: Some(reason.sentence().to_owned()) }
    }
}

impl TargetReason {
    /// ELB's sentence for it. A mismatch names the codes behind it where they are known.
    pub fn sentence(self) -> &'static str {
        match self {
            TargetReason::RegistrationInProgress => "Target registration is in progress",
            TargetReason::InitialHealthChecking => "Initial health checks in progress",
            TargetReason::ResponseCodeMismatch => "Health checks failed with these codes: []",
            TargetReason::Timeout => "Request timed out",
            TargetReason::FailedHealthChecks => "Health checks failed",
            TargetReason::NotRegistered => "Target is not registered to the target group",
            TargetReason::NotInUse => {
                "Target group is not configured to receive traffic from the load balancer"
            }
            TargetReason::DeregistrationInProgress => "Target deregistration is in progress",
            TargetReason::HealthCheckDisabled => "Health checks are disabled",
            TargetReason::InternalError => "Health checks failed due to an internal error",
        }
    }
}
