//! Who serves, which target group a new revision joins, and what rules a deployment rewrites to what weights.

use model::ecs::deployment::{DeploymentStrategy, RolloutState};
use model::ecs::lifecycle::Share;
use model::ecs::service_revision::ServiceLoadBalancer;
use model::ecs::{RevisionId, Service, ServiceDeployment};

use crate::service::{Plan, Shift, View};

/// The revision that serves at this moment: where the next change begins. `record` is the present change's.
pub fn serving(service: &Service, record: Option<&ServiceDeployment>) -> Option<RevisionId> {
    let primary = service.deployments.first()?;
    let is_there = |id: &RevisionId| service.deployments.iter().any(|it| it.id == *id);
    if primary.rollout_state == RolloutState::Completed {
        return Some(primary.id.clone());
    }
    match record.filter(|record| record.configuration.strategy.shifts_traffic()) {
        Some(record) if record.rollback.is_some() => Some(primary.id.clone()),
        Some(record) => {
            let has_all = record.lifecycle.as_ref().is_some_and(|it| it.production == Share::ALL);
            if has_all { Some(record.target.clone()) } else { record.serving.clone().filter(is_there) }
        }
        None => Some(service.stable.clone().filter(is_there).unwrap_or_else(|| primary.id.clone())),
    }
}

/// The target group that a new revision's tasks join: another one than the serving revision's when traffic is to be
/// shifted, the same one otherwise.
pub fn target_group<'a>(
    balancer: &'a ServiceLoadBalancer,
    strategy: DeploymentStrategy,
    serving: Option<&str>,
) -> &'a str {
    let first = balancer.target_group_arn.as_str();
    let Some(shift) = &balancer.shift else { return first };
    let other = shift.alternate_target_group_arn.as_str();
    let takes_other = if strategy.shifts_traffic() { serving == Some(first) } else { serving == Some(other) };
    if takes_other { other } else { first }
}

/// Rewrites the rules so that they give the new revision the shares that stand in the record. A rule that gives
/// them already is left alone, and so is one that cannot be rewritten.
pub(super) fn shift(view: &View, plan: &mut Plan) {
    let lifecycle = plan.record.as_ref().and_then(|record| record.lifecycle.as_ref());
    let (production, test) =
        lifecycle.map_or((Share::NONE, Share::NONE), |lifecycle| (lifecycle.production, lifecycle.test));
    for route in view.routes.iter().filter(|route| route.broken.is_none()) {
        let (from, to) = (if route.is_test { test } else { production }).weights();
        let weights = vec![(route.from.clone(), from), (route.to.clone(), to)];
        if route.weights != weights {
            plan.shifts.push(Shift { rule: route.rule.clone(), weights });
        }
    }
}

/// Why traffic cannot be shifted, if it cannot.
pub(super) fn broken(view: &View) -> Option<String> {
    view.routes.iter().find_map(|route| {
        let why = route.broken.as_ref()?;
        Some(format!("Traffic cannot be shifted by the listener rule {}: {why}.", route.rule))
    })
}

#[cfg(test)]
mod tests {
    use model::ecs::service_revision::TrafficShift;

    use super::*;

    #[test]
    fn target_groups_alternate_while_traffic_is_shifted() {
        let shift = TrafficShift {
            alternate_target_group_arn: "green".into(),
            production_rule_arn: "rule".into(),
            test_rule_arn: None,
            role_arn: "role".into(),
        };
        let balancer = ServiceLoadBalancer {
            target_group_arn: "blue".into(),
            container_name: "web".into(),
            container_port: 80,
            shift: Some(shift),
        };
        let check = |strategy, serving, expected| {
            assert_eq!(target_group(&balancer, strategy, serving), expected, "{strategy} from {serving:?}");
        };
        check(DeploymentStrategy::BlueGreen, None, "blue");
        check(DeploymentStrategy::BlueGreen, Some("blue"), "green");
        check(DeploymentStrategy::Canary, Some("green"), "blue");
        check(DeploymentStrategy::Linear, Some("another"), "blue");
        check(DeploymentStrategy::Rolling, Some("green"), "green");
        check(DeploymentStrategy::Rolling, Some("blue"), "blue");
        let plain = ServiceLoadBalancer { shift: None, ..balancer.clone() };
        assert_eq!(target_group(&plain, DeploymentStrategy::BlueGreen, Some("blue")), "blue");
    }
}
