//! Deployments: when one is done, given up, or taken back.
//!
//! Law: a deployment's state only goes from IN_PROGRESS to COMPLETED or FAILED; only a rollback opens a
//! completed one again. The stages of those that shift traffic are in [`lifecycle`].

pub mod breaker;
mod hooks;
mod lifecycle;
pub mod traffic;

use std::collections::BTreeMap;

use model::Timestamp;
use model::ecs::deployment::{
    Deployment, DeploymentStatus, MonitorStatus, Rollback, RolloutState, ServiceDeploymentStatus,
};
use model::ecs::lifecycle::{LifecycleStage, Share};
use model::ecs::service::EventCause;
use model::ecs::{RevisionId, ServiceDeployment};

use crate::service::staged::is_staged;
use crate::service::{Health, Plan, View, event};

/// What comes before starts and stops: giving up, going back, and the next stage.
pub(crate) fn before(view: &View, health: &BTreeMap<usize, Health>, now: Timestamp, plan: &mut Plan) {
    forget_the_gone(view, plan);
    count(now, plan);
    let primary = plan.service.primary();
    if primary.rollout_state != RolloutState::InProgress {
        return;
    }
    if is_asked_back(plan) {
        let reason = "Service deployment rollback was requested by the user.";
        return go_back(reason, "Service deployment was stopped: rolling back", view, now, plan);
    }
    let breaker = plan.service.spec.deployment.circuit_breaker;
    let is_way_back = plan.record.as_ref().is_some_and(|record| record.rollback.is_some());
    let threshold = breaker::threshold(&breaker, plan.service.primary().desired_count);
    if breaker.enable && !is_way_back && !is_cleaning_up(plan) && primary.failed_tasks >= threshold {
        return give_up(view, now, plan);
    }
    if is_staged(plan) {
        lifecycle::advance(view, health, now, plan);
    }
}

/// Whether a shift of traffic has come so far that there is no way back.
fn is_cleaning_up(plan: &Plan) -> bool {
    let lifecycle = plan.record.as_ref().and_then(|record| record.lifecycle.as_ref());
    lifecycle.is_some_and(|lifecycle| lifecycle.stage == LifecycleStage::CleanUp)
}

/// ACTIVE deployments without tasks are not listed any more, but for the one that serves meanwhile.
fn forget_the_gone(view: &View, plan: &mut Plan) {
    let has_tasks =
        |id: &RevisionId| view.tasks.iter().any(|task| !task.has_ended() && task.deployment == *id);
    let serving = plan.record.as_ref().filter(|_| is_staged(plan)).and_then(|record| record.serving.clone());
    let is_kept = |id: &RevisionId| has_tasks(id) || serving.as_ref() == Some(id);
    plan.service.deployments.retain(|it| it.status == DeploymentStatus::Primary || is_kept(&it.id));
}

/// Shows in the record what the deployment has counted.
fn count(now: Timestamp, plan: &mut Plan) {
    let (failed, desired) = (plan.service.primary().failed_tasks, plan.service.primary().desired_count);
    let threshold = breaker::threshold(&plan.service.spec.deployment.circuit_breaker, desired);
    let Some(record) = plan.record.as_mut().filter(|record| record.monitor == MonitorStatus::Monitoring)
    else {
        return;
    };
    if (record.failure_count, record.threshold) != (failed, threshold) {
        (record.failure_count, record.threshold, record.updated_at) = (failed, threshold, now);
    }
}

fn is_asked_back(plan: &Plan) -> bool {
    let asked = |record: &ServiceDeployment| record.status == ServiceDeploymentStatus::RollbackRequested;
    plan.record.as_ref().is_some_and(asked)
}

/// The circuit breaker trips.
fn give_up(view: &View, now: Timestamp, plan: &mut Plan) {
    let breaker = plan.service.spec.deployment.circuit_breaker;
    let primary = plan.service.primary_mut();
    primary.rollout_state = RolloutState::Failed;
    primary.rollout_state_reason = "ECS deployment circuit breaker: tasks failed to start.".into();
    primary.updated_at = now;
    let failed = primary.id.clone();
    plan.events.push(event::failed(&plan.service, &failed));
    if let Some(record) = &mut plan.record {
        record.monitor = MonitorStatus::Triggered;
        record.updated_at = now;
    }
    if breaker.rollback {
        go_back(
            "Service deployment rolled back because the circuit breaker threshold was exceeded.",
            "ECS deployment circuit breaker: rolling back",
            view,
            now,
            plan,
        );
    } else {
        stop_record("Service deployment circuit breaker was triggered.", now, plan);
    }
}

/// A stage of a shift of traffic failed.
fn give_way(reason: &str, view: &View, now: Timestamp, plan: &mut Plan) {
    go_back(reason, "Service deployment failed: rolling back", view, now, plan);
}

/// Makes the last completed revision, or the one that served when traffic began to be shifted, the PRIMARY one again,
/// and gives it all traffic. Without one, the deployment stands as failed.
fn go_back(reason: &str, words: &str, view: &View, now: Timestamp, plan: &mut Plan) {
    let serving = plan.record.as_ref().and_then(|record| record.serving.clone());
    let last_good = if is_staged(plan) { serving } else { plan.service.stable.clone() };
    let service = &mut plan.service;
    let failed = service.primary_mut();
    failed.rollout_state = RolloutState::Failed;
    failed.updated_at = now;
    if failed.rollout_state_reason.ends_with("in progress.") {
        failed.rollout_state_reason = "Service deployment was stopped.".into();
    }
    let failed_id = failed.id.clone();
    let Some(stable) = last_good.filter(|stable| *stable != failed_id) else {
        return stop_record(reason, now, plan);
    };
    let known = service.deployments.iter().position(|it| it.id == stable);
    let carried_by = service.primary().service_deployment.clone();
    let desired = service.primary().desired_count;
    service.primary_mut().status = DeploymentStatus::Active;
    let made = Deployment::new(stable.clone(), carried_by, desired, now);
    let back = match known {
        Some(at) => Deployment { created_at: service.deployments.remove(at).created_at, ..made },
        None => made,
    };
    let rollout_state_reason = format!("{words} to deploymentId {}.", stable.deployment());
    service.deployments.insert(0, Deployment { rollout_state_reason, ..back });
    plan.events.push(event::rolling_back(&plan.service, &stable));
    if let Some(record) = &mut plan.record {
        record.status = ServiceDeploymentStatus::RollbackInProgress;
        record.status_reason = Some(reason.to_owned());
        record.rollback = Some(Rollback { reason: reason.to_owned(), started_at: now, revision: stable });
        record.updated_at = now;
        if let Some(lifecycle) = &mut record.lifecycle {
            (lifecycle.stage, lifecycle.since) = (LifecycleStage::CleanUp, now);
            (lifecycle.production, lifecycle.test) = (Share::NONE, Share::NONE);
            traffic::shift(view, plan);
        }
    }
}

fn stop_record(reason: &str, now: Timestamp, plan: &mut Plan) {
    if let Some(record) = plan.record.as_mut().filter(|record| !record.status.is_final()) {
        record.status = ServiceDeploymentStatus::Stopped;
        record.status_reason = Some(reason.to_owned());
        record.stopped_at = Some(now);
        record.finished_at = Some(now);
        record.updated_at = now;
    }
}

/// What comes after starts and stops: success.
pub(crate) fn after(view: &View, health: &BTreeMap<usize, Health>, now: Timestamp, plan: &mut Plan) {
    let primary = plan.service.primary();
    // A rollback is seen to be under way before it is seen to be done.
    if primary.rollout_state != RolloutState::InProgress || primary.id != view.service.primary().id {
        return;
    }
    // While the old revision is to stay, its presence is no reason to wait.
    let goes_back = plan.record.as_ref().is_some_and(|record| record.rollback.is_some());
    if is_staged(plan) && !goes_back && !is_cleaning_up(plan) {
        return;
    }
    let (id, desired) = (primary.id.clone(), usize::try_from(primary.desired_count).unwrap_or(usize::MAX));
    let healthy = |(at, task): (usize, &crate::service::TaskView)| {
        task.deployment == id
            && !task.has_to_move
            && health.get(&at) == Some(&Health::Healthy)
            && !plan.stops(&task.id)
    };
    let in_place = view.tasks.iter().enumerate().filter(|it| healthy(*it)).count() >= desired;
    let others = || view.tasks.iter().filter(|task| task.deployment != id && !task.has_ended());
    if !in_place || others().any(|task| task.is_live() && !plan.stops(&task.id)) {
        return;
    }
    succeed(now, plan);
    // The deployment is completed when nothing is left of the others, whoever came first.
    if others().next().is_none() {
        complete(&id, now, plan);
    }
}

fn succeed(now: Timestamp, plan: &mut Plan) {
    let Some(record) = plan.record.as_mut().filter(|record| !record.status.is_final()) else { return };
    record.status = match record.rollback {
        None => ServiceDeploymentStatus::Successful,
        Some(_) => ServiceDeploymentStatus::RollbackSuccessful,
    };
    if record.monitor == MonitorStatus::Monitoring {
        record.monitor = MonitorStatus::MonitoringComplete;
    }
    record.finished_at = Some(now);
    record.updated_at = now;
}

fn complete(id: &RevisionId, now: Timestamp, plan: &mut Plan) {
    let service = &mut plan.service;
    service.deployments.truncate(1);
    service.stable = Some(id.clone());
    service.seen.told.remove(&EventCause::Configuration);
    let primary = service.primary_mut();
    primary.rollout_state = RolloutState::Completed;
    primary.rollout_state_reason = format!("ECS deployment {} completed.", id.deployment());
    primary.updated_at = now;
    plan.events.push(event::completed(&plan.service, id));
}

/// The service is deleted: its change ends with it.
pub(crate) fn abandon(now: Timestamp, plan: &mut Plan) {
    stop_record("The service was deleted.", now, plan);
}
