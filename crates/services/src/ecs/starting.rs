//! The starts of the service scheduler: tasks are made where there is a place for them, and what stands in the way is told.

use std::collections::BTreeMap;

use model::Timestamp;
use model::ecs::task::LaunchType;
use model::ecs::{Service, Task, TaskId};
use reconcile::placement::instances::Mismatch;
use reconcile::service::{Start, StartCause, decide, event, place};
use store::{Snapshot, Txn, Versioned, key};

use super::error::Error;
use super::launching::{Made, Maker};
use super::placement::Unplaced;
use super::rules::launch::{self, Capacity};
use super::rules::service::launch as launch_of;
use super::rules::strategy;
use super::schedule::{Gathered, ServiceKey, follow, gather, tell};
use super::store::{ClusterRow, ServiceRow, TaskRow, service, service_revision, task_definition};
use crate::cloud::Cloud;
use crate::context::Ids;

/// Starts tasks. The caller holds the placing lock; what was wanted before it came may be wanted no more.
pub(super) async fn place_tasks(
    cloud: &Cloud,
    ids: &Ids,
    key: &ServiceKey,
    wanted: &Start,
    now: Timestamp,
) -> Result<(), Error> {
    let snapshot = cloud.store.snapshot();
    let Some(found) = service(&snapshot, &key.scope, &key.cluster, &key.name) else { return Ok(()) };
    let gathered = gather(&snapshot, found, now);
    let plan = decide(&gathered.view, now);
    if plan.start.as_ref() != Some(wanted) || !plan.may_start(&gathered.view) {
        return Ok(());
    }
    let mut service = plan.service.clone();
    let mut failed = None;
    let (txn, made, refused) = match make(&snapshot, ids, &gathered, wanted, now) {
        Ok(Made { txn, tasks, unplaced }) => (txn, tasks, unplaced.first().map(reason)),
        Err(Error::Role(text)) => {
            failed = Some(text);
            (Txn::new(), Vec::new(), None)
        }
        // What RunTask would be refused: a subnet or a definition that is gone.
        Err(Error::Client(text) | Error::InvalidParameter(text) | Error::UnsupportedFeature(text)) => {
            (Txn::new(), Vec::new(), Some(text))
        }
        Err(other) => return Err(other),
    };
    let mut events = Vec::new();
    if !made.is_empty() {
        place::found(&mut service);
        events.extend(started(&service, wanted.cause, &made));
    }
    if let Some(reason) = refused {
        let is_fargate = made.first().is_none_or(|task| task.spec.launch_type == LaunchType::Fargate);
        events.extend(place::refused(&mut service, is_fargate, reason.trim_end_matches('.'), now));
    }
    if let Some(text) = failed {
        events.extend(place::failed(&mut service, text.trim_end_matches('.'), now));
    }
    let txn = follow(&snapshot, txn, &gathered, &plan, now)?;
    let txn = tell(txn, &mut service, &events, ids, now);
    cloud.store.commit(txn.update(&gathered.service, &ServiceRow(service))).await?;
    Ok(())
}

/// What is told of tasks that found a place.
fn started(service: &Service, cause: StartCause, made: &[Task]) -> Vec<String> {
    let ids: Vec<TaskId> = made.iter().map(|task| task.id.clone()).collect();
    match cause {
        StartCause::Missing => vec![event::started(service, &ids)],
        StartCause::Unhealthy(count) => vec![event::replaced(service, &ids, count.min(ids.len()))],
        StartCause::Rebalancing => {
            let mut zones: BTreeMap<&str, Vec<TaskId>> = BTreeMap::new();
            for task in made {
                let zone = task.seen.availability_zone.as_deref().unwrap_or_default();
                zones.entry(zone).or_default().push(task.id.clone());
            }
            zones.iter().map(|(zone, ids)| event::moved_in(service, zone, ids)).collect()
        }
    }
}

fn make(
    snapshot: &Snapshot,
    ids: &Ids,
    gathered: &Gathered,
    wanted: &Start,
    now: Timestamp,
) -> Result<Made, Error> {
    let service = &gathered.view.service;
    let gone = || Error::Client("The service revision is gone.".into());
    let revision = service_revision(snapshot, service, &wanted.revision).ok_or_else(gone)?;
    let spec = &revision.spec;
    let definition = task_definition(snapshot, &service.scope, &spec.definition)
        .ok_or_else(|| Error::Client("The task definition has been deleted.".into()))?;
    let cluster = snapshot.get::<ClusterRow>(&key![service.scope, service.cluster.as_str()]);
    let cluster = cluster.ok_or(Error::ClusterNotFound)?;
    let count = wanted.places.len();
    let launch = launch_of(service, spec, count, wanted.revision.deployment());
    let capacities = if spec.strategy.is_empty() {
        launch::capacities(&launch, &cluster)?
    } else {
        shares(gathered, wanted, count, &spec.strategy)
    };
    let places = wanted.places.iter().cloned();
    let capacities: Vec<Capacity> = capacities
        .into_iter()
        .zip(places)
        .map(|(capacity, place)| Capacity { instance: place.or(capacity.instance.clone()), ..capacity })
        .collect();
    Maker { snapshot, cluster: &cluster, now, ids: ids.clone() }.make(&launch, &definition, &capacities)
}

/// The providers of the next tasks, so that those that are there and they together follow the strategy.
fn shares(
    gathered: &Gathered,
    wanted: &Start,
    count: usize,
    items: &[model::ecs::cluster::StrategyItem],
) -> Vec<Capacity> {
    let deployment = wanted.revision.deployment();
    let of_it = |task: &&Versioned<TaskRow>| {
        task.spec.started_by.as_ref() == Some(&deployment)
            && task.desired_status == model::ecs::DesiredStatus::Running
    };
    let mut there: Vec<&str> = gathered
        .tasks
        .iter()
        .filter(of_it)
        .filter_map(|task| task.spec.capacity_provider.as_deref())
        .collect();
    let mut all = strategy::assign(items, there.len() + count);
    all.retain(|name| match there.iter().position(|taken| taken == name) {
        Some(at) => {
            there.swap_remove(at);
            false
        }
        None => true,
    });
    all.truncate(count);
    all.into_iter()
        .map(|name| Capacity { launch_type: LaunchType::Fargate, provider: Some(name), instance: None })
        .collect()
}

/// Why a task found no place, as events say it.
fn reason(unplaced: &Unplaced) -> String {
    match unplaced {
        Unplaced::Fargate(_) => {
            "Capacity is unavailable at this time. Please try again later or in a different availability zone"
                .into()
        }
        Unplaced::NoInstances => "No Container Instances were found in your cluster".into(),
        Unplaced::Instance(arn, mismatch) => {
            let id = arn.rsplit('/').next().unwrap_or_default();
            let lack = match mismatch {
                Mismatch::Agent => "encountered error \"AGENT\"",
                Mismatch::Attribute => "is missing an attribute required by your task",
                Mismatch::MemberOf => "does not meet the memberOf placement constraint",
                Mismatch::DistinctInstance => "does not meet the distinctInstance placement constraint",
                Mismatch::Cpu => "has insufficient CPU units available",
                Mismatch::Memory => "has insufficient memory available",
                Mismatch::Ports => "is already using a port required by your task",
            };
            format!("The closest matching (container-instance {id}) {lack}")
        }
    }
}
