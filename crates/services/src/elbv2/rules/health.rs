//! What a target's health is, from what was registered and what the data plane said.

use model::Timestamp;
use model::elbv2::{Target, TargetHealth, TargetReason, TargetState};

/// A target's health at `now`; `None` once its draining is over. `in_use` says whether a listener or rule
/// forwards to its group.
pub(in crate::elbv2) fn of(target: &Target, in_use: bool, now: Timestamp) -> Option<TargetHealth> {
    match target.draining_until {
        Some(until) if until <= now => return None,
        Some(_) => {
            let reason = TargetReason::DeregistrationInProgress;
            return Some(TargetHealth::because(TargetState::Draining, reason));
        }
        None => {}
    }
    if !in_use {
        return Some(TargetHealth::because(TargetState::Unused, TargetReason::NotInUse));
    }
    let registering = || TargetHealth::because(TargetState::Initial, TargetReason::RegistrationInProgress);
    Some(target.seen.clone().unwrap_or_else(registering))
}

/// The health of what is not registered.
pub(in crate::elbv2) fn not_registered() -> TargetHealth {
    TargetHealth::because(TargetState::Unused, TargetReason::NotRegistered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::elbv2::{Digits, TargetGroupId, TargetGroupName, TargetKey};
    use model::{AccountId, Region, Scope};

    fn target() -> Target {
        Target {
            scope: Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap()),
            group: TargetGroupId {
                name: TargetGroupName::new("web").unwrap(),
                digits: Digits::new("0123456789abcdef").unwrap(),
            },
            key: TargetKey { id: "10.0.0.1".into(), port: 80 },
            address: "10.0.0.1".parse().unwrap(),
            availability_zone: None,
            registered_at: Timestamp::EPOCH,
            draining_until: None,
            seen: Some(TargetHealth::healthy()),
        }
    }

    fn check(target: &Target, in_use: bool, expected: Option<TargetState>) {
        assert_eq!(of(target, in_use, Timestamp::from_millis(1000)).map(|health| health.state), expected);
    }

    #[test]
    fn a_target_is_what_is_known_of_it() {
        check(&target(), true, Some(TargetState::Healthy));
        check(&target(), false, Some(TargetState::Unused));
        check(&Target { seen: None, ..target() }, true, Some(TargetState::Initial));
    }

    #[test]
    fn draining_outlasts_health_and_ends() {
        let draining = |until| Target { draining_until: Some(Timestamp::from_millis(until)), ..target() };
        check(&draining(1001), true, Some(TargetState::Draining));
        check(&draining(1000), true, None);
    }
}
