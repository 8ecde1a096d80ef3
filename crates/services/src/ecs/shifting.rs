//! Rules whose traffic is shifted from one revision of a service to the next: what they do now, and what they are to.
//!
//! A route is looked at anew at each look of the scheduler; what stands in the way of a shift is known before it is tried.

use model::Scope;
use model::ecs::service_revision::{RevisionSpec, ServiceLoadBalancer, TrafficShift};
use model::ecs::{Service, ServiceDeployment};
use reconcile::service::{RouteView, Shift};
use store::{Snapshot, Txn};

use super::error::Error;
use super::store::service_revision;
use crate::elbv2::door;

/// Checks that the traffic of a revision can be shifted.
pub(super) fn check(snapshot: &Snapshot, scope: &Scope, revision: &RevisionSpec) -> Result<(), Error> {
    let invalid = |text: String| Err(Error::InvalidParameter(text));
    for balancer in &revision.load_balancers {
        let Some(shift) = &balancer.shift else { continue };
        if shift.alternate_target_group_arn == balancer.target_group_arn {
            return invalid(
                "alternateTargetGroupArn must be another target group than targetGroupArn.".into(),
            );
        }
        if shift.test_rule_arn.as_ref() == Some(&shift.production_rule_arn) {
            return invalid("testListenerRule must be another one than productionListenerRule.".into());
        }
        let groups = [&balancer.target_group_arn, &shift.alternate_target_group_arn];
        for rule in rules(shift) {
            if let Some(why) = broken(snapshot, scope, rule, groups.map(String::as_str)) {
                return invalid(format!("The listener rule {rule} cannot be used: {why}"));
            }
        }
    }
    Ok(())
}

fn rules(shift: &TrafficShift) -> impl Iterator<Item = &str> {
    std::iter::once(shift.production_rule_arn.as_str()).chain(shift.test_rule_arn.as_deref())
}

/// Why a rule cannot forward to these groups, if so: found out by trying it, without doing it.
fn broken(snapshot: &Snapshot, scope: &Scope, rule: &str, groups: [&str; 2]) -> Option<String> {
    let weights = groups.map(|group| (group.to_owned(), 1));
    door::set_forward_weights(snapshot, Txn::new(), scope, rule, &weights)
        .err()
        .map(|error| error.to_string())
}

/// The rules that the change under way shifts.
pub(super) fn routes(
    snapshot: &Snapshot,
    service: &Service,
    record: Option<&ServiceDeployment>,
) -> Vec<RouteView> {
    let is_under_way =
        |it: &&ServiceDeployment| it.configuration.strategy.shifts_traffic() && !it.status.is_final();
    let Some(record) = record.filter(is_under_way) else { return Vec::new() };
    let Some(target) = service_revision(snapshot, service, &record.target) else { return Vec::new() };
    let serving = record.serving.as_ref().and_then(|id| service_revision(snapshot, service, id));
    let served_by: Vec<&str> =
        serving.iter().flat_map(|revision| revision.balancers()).map(|(_, group)| group).collect();
    let of_balancer = |(at, (balancer, to)): (usize, (&ServiceLoadBalancer, &str))| {
        let from = served_by.get(at).copied().filter(|group| *group != to);
        let from = from.or_else(|| balancer.groups().find(|group| *group != to))?.to_owned();
        let shift = balancer.shift.as_ref()?;
        let route = |rule: &str| RouteView {
            rule: rule.to_owned(),
            is_test: rule != shift.production_rule_arn,
            weights: door::forward_weights(snapshot, &service.scope, rule).unwrap_or_default(),
            broken: broken(snapshot, &service.scope, rule, [&from, to]),
            from: from.clone(),
            to: to.to_owned(),
        };
        Some(rules(shift).map(route).collect::<Vec<_>>())
    };
    target.balancers().enumerate().filter_map(of_balancer).flatten().collect()
}

/// Adds new weights to the transaction that enters them in the record.
pub(super) fn follow(snapshot: &Snapshot, txn: Txn, scope: &Scope, shifts: &[Shift]) -> Result<Txn, Error> {
    shifts.iter().try_fold(txn, |txn, shift| {
        door::set_forward_weights(snapshot, txn, scope, &shift.rule, &shift.weights)
            .map_err(|error| Error::Client(error.to_string()))
    })
}
