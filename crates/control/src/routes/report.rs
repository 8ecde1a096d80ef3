//! From what the balancer reports to what the room keeps. Pure.

use model::Arn;
use model::ecs::text::TextEnum;
use model::elbv2::{LoadBalancerState, TargetHealth, TargetKey, TargetReason, TargetState};
use services::elbv2::traffic::Sighting;
use wire::link::{self as link, MISSING_ADDRESS, Routes, RoutesReport};

use super::Sent;

/// What the report says of targets that were sent, but for those that drain: of these we know best.
pub(super) fn sightings(report: &RoutesReport, sent: &Sent) -> Vec<Sighting> {
    let sighting = |target: &link::TargetReport| {
        let place = (target.target_group.clone(), target.id.clone(), target.port);
        let registered_at = *sent.registrations.get(&place)?;
        let state = match target.state {
            link::TargetState::Initial => TargetState::Initial,
            link::TargetState::Healthy => TargetState::Healthy,
            link::TargetState::Unhealthy => TargetState::Unhealthy,
            link::TargetState::Draining => return None,
        };
        let reason = target.reason.and_then(|reason| TargetReason::parse(reason.code()));
        let usual = || reason.map(|reason| reason.sentence().to_owned());
        Some(Sighting {
            target_group: target.target_group.parse().ok()?,
            target: TargetKey { id: target.id.clone(), port: target.port },
            registered_at,
            health: match state {
                TargetState::Healthy => TargetHealth::healthy(),
                _other => {
                    TargetHealth { state, reason, description: target.description.clone().or_else(usual) }
                }
            },
        })
    };
    report.targets.iter().filter_map(sighting).collect()
}

/// The states of the load balancers that were sent: they serve once the balancer has taken them up.
pub(super) fn load_balancers(report: &RoutesReport, routes: &Routes) -> Vec<(Arn, LoadBalancerState)> {
    let state = |route: &link::LoadBalancerRoute| {
        let own = |listener: &&link::ListenerReport| route.listeners.iter().any(|it| it.arn == listener.arn);
        // An address in a VPC is there only while a node holds it: without one, clients on the machine are served.
        let inside = |text: &str| {
            let mut inside = route.addresses.iter().filter(|address| !address.is_loopback());
            inside.any(|address| text.contains(&address.to_string()))
        };
        let failures = report.listeners.iter().filter(own).flat_map(|listener| &listener.failures);
        let missed = |text: &&str| !inside(text) && !lacks_ipv6(text);
        let failures: Vec<&str> = failures.map(String::as_str).filter(missed).collect();
        let state = match failures.is_empty() {
            true => LoadBalancerState::Active,
            false => LoadBalancerState::Impaired(failures.join("; ")),
        };
        Some((route.arn.parse().ok()?, state))
    };
    routes.load_balancers.iter().filter_map(state).collect()
}

/// Whether a failure says no more than that the machine has no IPv6: then its names do not lead there.
fn lacks_ipv6(text: &str) -> bool {
    text.strip_prefix(MISSING_ADDRESS).is_some_and(|address| address.trim() == "::1")
}
