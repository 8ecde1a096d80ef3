//! The stages of a deployment that shifts traffic: BLUE_GREEN, LINEAR and CANARY.
//!
//! One step a plan: a stage is left when what it is there for is done and its hooks let it go. A share of the traffic
//! is entered in the record and shifted in the rules by one commit, so a crash finds both or neither. Laws: stages only
//! go forward, but for the two between which the steps of the shift go round; the serving revision keeps its tasks
//! until CLEAN_UP. Who starts and stops tasks meanwhile is [`crate::service::staged`].

use std::collections::BTreeMap;
use std::time::Duration;

use model::Timestamp;
use model::ecs::deployment::{DeploymentConfiguration, DeploymentStrategy, ServiceDeploymentStatus};
use model::ecs::lifecycle::{Lifecycle, LifecycleStage as Stage, Share, ShiftStep};

use super::hooks::{self, Verdict};
use super::{give_way, traffic};
use crate::service::{Health, Plan, View};

/// Takes the deployment one stage further, when it may.
pub(super) fn advance(view: &View, health: &BTreeMap<usize, Health>, now: Timestamp, plan: &mut Plan) {
    let is_under_way = |record: &&model::ecs::ServiceDeployment| {
        record.status == ServiceDeploymentStatus::InProgress && record.rollback.is_none()
    };
    let Some(record) = plan.record.clone().filter(|record| is_under_way(&record)) else { return };
    let stage = record.lifecycle.as_ref().map(|lifecycle| lifecycle.stage);
    if stage.is_none_or(|stage| stage < Stage::PostProductionTrafficShift)
        && let Some(why) = traffic::broken(view)
    {
        return give_way(&why, view, now, plan);
    }
    let Some(mut lifecycle) = record.lifecycle.clone() else {
        let first = if has_others(view, plan) { Stage::ReconcileService } else { Stage::PreScaleUp };
        let lifecycle = Lifecycle {
            stage: first,
            since: now,
            steps: 0,
            production: Share::NONE,
            test: Share::NONE,
            hooks: Vec::new(),
        };
        enter(first, lifecycle, &record.configuration, now, plan);
        // From here on both target groups are in the rules, so that both are looked after.
        return traffic::shift(view, plan);
    };
    hooks::expire(&mut lifecycle, now);
    let verdict = hooks::judge(&lifecycle);
    keep(&lifecycle, now, plan);
    match verdict {
        Verdict::Waits(until) => return plan.wake(until),
        Verdict::Back(reason) => return give_way(reason, view, now, plan),
        Verdict::Passes => {}
    }
    if let Some(wait) = unfinished(view, health, &lifecycle, &record.configuration, now, plan) {
        return wait.into_iter().for_each(|at| plan.wake(at));
    }
    let Some(next) = next(&lifecycle) else { return };
    enter(next, lifecycle, &record.configuration, now, plan);
    match next {
        Stage::TestTrafficShift | Stage::ProductionTrafficShift => traffic::shift(view, plan),
        Stage::ReconcileService
        | Stage::PreScaleUp
        | Stage::ScaleUp
        | Stage::PostScaleUp
        | Stage::PostTestTrafficShift
        | Stage::PreProductionTrafficShift
        | Stage::PostProductionTrafficShift
        | Stage::BakeTime
        | Stage::CleanUp => {}
    }
}

/// Whether revisions have tasks that are neither the serving one nor the new one.
fn has_others(view: &View, plan: &Plan) -> bool {
    let Some(record) = &plan.record else { return false };
    let is_other = |task: &crate::service::TaskView| {
        task.deployment != record.target && Some(&task.deployment) != record.serving.as_ref()
    };
    view.tasks.iter().any(|task| task.is_live() && is_other(task))
}

/// Why a stage is not done yet, with the time at which it will be if that is known; `None` when it is done.
fn unfinished(
    view: &View,
    health: &BTreeMap<usize, Health>,
    lifecycle: &Lifecycle,
    configuration: &DeploymentConfiguration,
    now: Timestamp,
    plan: &Plan,
) -> Option<Option<Timestamp>> {
    let until = |minutes: u32| {
        let at = lifecycle.since + Duration::from_secs(u64::from(minutes) * 60);
        (now < at).then_some(Some(at))
    };
    match lifecycle.stage {
        Stage::ReconcileService => has_others(view, plan).then_some(None),
        Stage::ScaleUp => {
            let desired = usize::try_from(plan.service.primary().desired_count).unwrap_or(usize::MAX);
            let target = &plan.service.primary().id;
            let is_up = |(at, task): &(usize, &crate::service::TaskView)| {
                task.deployment == *target && health.get(at) == Some(&Health::Healthy)
            };
            (view.tasks.iter().enumerate().filter(is_up).count() < desired).then_some(None)
        }
        Stage::ProductionTrafficShift if lifecycle.production < Share::ALL => {
            until(step(configuration).bake_minutes)
        }
        Stage::BakeTime => until(configuration.shifting.bake_minutes.unwrap_or_default()),
        Stage::PreScaleUp
        | Stage::PostScaleUp
        | Stage::TestTrafficShift
        | Stage::PostTestTrafficShift
        | Stage::PreProductionTrafficShift
        | Stage::ProductionTrafficShift
        | Stage::PostProductionTrafficShift => None,
        // Its end is the deployment's.
        Stage::CleanUp => Some(None),
    }
}

/// The stage after this one.
fn next(lifecycle: &Lifecycle) -> Option<Stage> {
    Some(match lifecycle.stage {
        Stage::ReconcileService => Stage::PreScaleUp,
        Stage::PreScaleUp => Stage::ScaleUp,
        Stage::ScaleUp => Stage::PostScaleUp,
        Stage::PostScaleUp => Stage::TestTrafficShift,
        Stage::TestTrafficShift => Stage::PostTestTrafficShift,
        Stage::PostTestTrafficShift => Stage::PreProductionTrafficShift,
        Stage::PreProductionTrafficShift => Stage::ProductionTrafficShift,
        Stage::ProductionTrafficShift if lifecycle.production < Share::ALL => {
            Stage::PreProductionTrafficShift
        }
        Stage::ProductionTrafficShift => Stage::PostProductionTrafficShift,
        Stage::PostProductionTrafficShift => Stage::BakeTime,
        Stage::BakeTime => Stage::CleanUp,
        Stage::CleanUp => return None,
    })
}

/// Enters a stage, with what it begins with.
fn enter(
    stage: Stage,
    mut lifecycle: Lifecycle,
    configuration: &DeploymentConfiguration,
    now: Timestamp,
    plan: &mut Plan,
) {
    (lifecycle.stage, lifecycle.since) = (stage, now);
    match stage {
        Stage::TestTrafficShift => lifecycle.test = Share::ALL,
        Stage::ProductionTrafficShift => {
            lifecycle.steps += 1;
            lifecycle.production = share_after(lifecycle.steps, configuration);
        }
        Stage::ReconcileService
        | Stage::PreScaleUp
        | Stage::ScaleUp
        | Stage::PostScaleUp
        | Stage::PostTestTrafficShift
        | Stage::PreProductionTrafficShift
        | Stage::PostProductionTrafficShift
        | Stage::BakeTime
        | Stage::CleanUp => {}
    }
    if let Some(record) = &plan.record {
        hooks::begin(&record.id, &configuration.shifting.hooks, &mut lifecycle, now);
    }
    keep(&lifecycle, now, plan);
}

fn keep(lifecycle: &Lifecycle, now: Timestamp, plan: &mut Plan) {
    if let Some(record) = plan.record.as_mut().filter(|record| record.lifecycle.as_ref() != Some(lifecycle)) {
        record.lifecycle = Some(lifecycle.clone());
        record.updated_at = now;
    }
}

/// The new revision's share of the production traffic after so many steps.
fn share_after(steps: u32, configuration: &DeploymentConfiguration) -> Share {
    match configuration.strategy {
        DeploymentStrategy::Rolling | DeploymentStrategy::BlueGreen => Share::ALL,
        DeploymentStrategy::Linear => step(configuration).share.times(steps),
        DeploymentStrategy::Canary if steps == 1 => step(configuration).share,
        DeploymentStrategy::Canary => Share::ALL,
    }
}

/// The step that a configuration takes at first.
fn step(configuration: &DeploymentConfiguration) -> ShiftStep {
    let at_once = ShiftStep { share: Share::ALL, bake_minutes: 0 };
    match configuration.strategy {
        DeploymentStrategy::Rolling | DeploymentStrategy::BlueGreen => at_once,
        DeploymentStrategy::Linear => configuration.shifting.linear.unwrap_or(at_once),
        DeploymentStrategy::Canary => configuration.shifting.canary.unwrap_or(at_once),
    }
}

#[cfg(test)]
mod tests {
    use model::ecs::deployment::CircuitBreaker;
    use model::ecs::lifecycle::Shifting;

    use super::*;

    #[test]
    fn steps_shift_what_the_strategy_says() {
        let check = |strategy, percent: f64, expected: &[f64]| {
            let first = ShiftStep { share: Share::of_percent(percent).unwrap(), bake_minutes: 1 };
            let configuration = DeploymentConfiguration {
                strategy,
                minimum_healthy_percent: 100,
                maximum_percent: 200,
                circuit_breaker: CircuitBreaker::OFF,
                shifting: Shifting { linear: Some(first), canary: Some(first), ..Shifting::default() },
                idle_alarms: None,
            };
            let shares: Vec<f64> =
                (1..=expected.len()).map(|at| share_after(at as u32, &configuration).percent()).collect();
            assert_eq!(shares, expected, "{strategy}");
        };
        check(DeploymentStrategy::BlueGreen, 10.0, &[100.0]);
        check(DeploymentStrategy::Canary, 10.0, &[10.0, 100.0]);
        check(DeploymentStrategy::Linear, 25.0, &[25.0, 50.0, 75.0, 100.0]);
        check(DeploymentStrategy::Linear, 40.0, &[40.0, 80.0, 100.0]);
    }
}
