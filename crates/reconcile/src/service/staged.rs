//! REPLICA while traffic is shifted: the serving revision and the new one side by side, each with its own tasks.
//!
//! Laws: the serving revision keeps the wanted number of tasks until CLEAN_UP, or for good when the new one is given
//! up; the new one has none before SCALE_UP; others go once the serving one stands. How the deployment goes on is
//! decided in [`crate::deployment`].

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;
use model::ecs::RevisionId;
use model::ecs::deployment::{Deployment, RolloutState};
use model::ecs::lifecycle::LifecycleStage;

use super::health::Health;
use super::plan::Plan;
use super::replica::{self, Group};
use super::view::{TaskView, View};

/// Whether the deployment under way, or given up, is one that shifts traffic.
pub(crate) fn is_staged(plan: &Plan) -> bool {
    let shifts = plan.record.as_ref().is_some_and(|record| record.configuration.strategy.shifts_traffic());
    shifts && plan.service.primary().rollout_state != RolloutState::Completed
}

/// Plans starts and stops.
pub(super) fn decide(view: &View, health: &BTreeMap<usize, Health>, now: Timestamp, plan: &mut Plan) {
    let known = plan.service.deployments.iter().map(|deployment| deployment.id.clone());
    let all: BTreeSet<RevisionId> =
        known.chain(view.tasks.iter().map(|task| task.deployment.clone())).collect();
    for revision in all {
        if let Some(group) = group(view, health, revision, plan) {
            replica::keep(view, health, &group, now, plan);
        }
    }
}

/// How many tasks of a revision are to be there; `None` for one that is left alone.
fn group(view: &View, health: &BTreeMap<usize, Health>, revision: RevisionId, plan: &Plan) -> Option<Group> {
    let record = plan.record.as_ref()?;
    let primary = plan.service.primary();
    let desired = plan.service.spec.desired_count;
    let stage = record.lifecycle.as_ref().map(|lifecycle| lifecycle.stage);
    let goes_back = record.rollback.is_some();
    let of =
        |revision, desired, starts| Group { revision, desired, starts, replaces_others: false, moves: false };
    let kept = |revision, starts| Some(of(revision, desired, starts));
    let gone = |revision| Some(of(revision, 0, false));
    let is_up = goes_back || stage.is_some_and(|stage| stage >= LifecycleStage::ScaleUp);
    if revision == primary.id {
        let starts = primary.rollout_state != RolloutState::Failed;
        return if is_up { kept(revision, starts) } else { gone(revision) };
    }
    let serves = record.serving.as_ref() == Some(&revision);
    if serves && !goes_back && stage != Some(LifecycleStage::CleanUp) {
        let starts = !plan.service.deployments.iter().any(|it| it.id == revision && is_given_up(it));
        return kept(revision, starts);
    }
    // In a way back the new revision gets no traffic any more; others may have it until the serving one stands.
    let serving = record.serving.as_ref().filter(|_| !goes_back && !serves);
    if serving.is_none_or(|serving| stands(view, health, serving, plan)) { gone(revision) } else { None }
}

fn is_given_up(deployment: &Deployment) -> bool {
    deployment.rollout_state == RolloutState::Failed
}

/// Whether the serving revision has all its tasks healthy, or cannot get them: there is no use in waiting then.
fn stands(view: &View, health: &BTreeMap<usize, Health>, serving: &RevisionId, plan: &Plan) -> bool {
    let healthy = |(at, task): &(usize, &TaskView)| {
        task.deployment == *serving && health.get(at) == Some(&Health::Healthy)
    };
    let standing = view.tasks.iter().enumerate().filter(healthy).count();
    let deployment = plan.service.deployments.iter().find(|it| it.id == *serving);
    standing >= usize::try_from(plan.service.spec.desired_count).unwrap_or(usize::MAX)
        || deployment.is_none_or(|it| is_given_up(it) || it.failed_rounds + it.crashed_rounds > 0)
}
