//! The service scheduler's look at one service: gather, decide, commit. `control` says when.
//!
//! What a plan changes of the service and its tasks is one commit; starts come after it, with the placing lock held
//! and everything looked at anew, so that no two looks start the same task.

use std::collections::BTreeSet;

use model::ecs::container_instance::ContainerInstanceStatus;
use model::ecs::service::SchedulingStrategy;
use model::ecs::status::{HealthStatus, StopCode};
use model::ecs::task::LaunchType;
use model::ecs::volume::Switch;
use model::ecs::{
    ClusterName, ContainerInstanceId, LastStatus, RevisionId, Service, ServiceEvent, ServiceName, Task,
};
use model::{Scope, Timestamp};
use reconcile::service::{
    Checks, Plan, TaskAction, TaskView, View, decide, event, plan::is_unhealthy_reason,
};
use store::{Change, Snapshot, Store, Txn, Versioned, key};

use super::balancing;
use super::error::Error;
use super::instances::Member;
use super::placement::eligible;
use super::rules::service::{can_rebalance, wishes};
use super::shifting;
use super::starting::place_tasks;
use super::store::{
    BY_TARGET_GROUP, ClusterRow, ContainerInstanceRow, OF_SERVICE, SCHEDULED, ServiceDeploymentRow,
    ServiceEventRow, ServiceRow, TaskRow, service, service_deployment, service_revision, task_definition,
    tasks_of_service,
};
use crate::cloud::Cloud;
use crate::context::Ids;
use crate::{ec2, elbv2};

/// Plans of one look, at most: each is an answer to what the one before did, or to a conflict.
const ATTEMPTS: usize = 64;

/// What names a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceKey {
    /// Account and region.
    pub scope: Scope,
    /// The cluster.
    pub cluster: ClusterName,
    /// The service.
    pub name: ServiceName,
}

/// The services that need a look when nothing is known of them: at a start, or after missed changes.
pub fn all(snapshot: &Snapshot) -> BTreeSet<ServiceKey> {
    let scheduled = snapshot.all_by::<ServiceRow>(SCHEDULED, &key![]).map(|service| key_of(&service));
    let tasks = snapshot.all_by::<TaskRow>(OF_SERVICE, &key![]);
    scheduled.chain(tasks.filter_map(|task| owner(&task))).collect()
}

/// The services that a change may concern.
pub fn concerned(snapshot: &Snapshot, change: &Change) -> Vec<ServiceKey> {
    match change.table {
        <ServiceRow as store::Row>::TABLE => {
            snapshot.get::<ServiceRow>(&change.key).map(|service| key_of(&service)).into_iter().collect()
        }
        <TaskRow as store::Row>::TABLE => {
            snapshot.get::<TaskRow>(&change.key).and_then(|task| owner(&task)).into_iter().collect()
        }
        // Daemons follow the container instances of their cluster, and others leave the draining ones. An
        // instance's key begins with its cluster.
        <ContainerInstanceRow as store::Row>::TABLE => {
            let scheduled = snapshot.all_by::<ServiceRow>(SCHEDULED, &key![]);
            let follows = |service: &Versioned<ServiceRow>| {
                change.key.starts_with(&key![service.scope, service.cluster.as_str()])
            };
            scheduled.filter(follows).map(|service| key_of(&service)).collect()
        }
        _ => balanced(snapshot, change),
    }
}

/// The services with tasks in the target group that a change concerns.
fn balanced(snapshot: &Snapshot, change: &Change) -> Vec<ServiceKey> {
    let Some((scope, group)) = elbv2::notice::target_group_of(snapshot, change) else { return Vec::new() };
    let services = snapshot.all_by::<ServiceRow>(BY_TARGET_GROUP, &key![scope, group]);
    services.map(|service| key_of(&service)).collect()
}

fn key_of(service: &Service) -> ServiceKey {
    ServiceKey { scope: service.scope.clone(), cluster: service.cluster.clone(), name: service.name.clone() }
}

fn owner(task: &Task) -> Option<ServiceKey> {
    let name = task.spec.service.clone().filter(|_| !task.supervision.is_settled)?;
    Some(ServiceKey { scope: task.scope.clone(), cluster: task.cluster.clone(), name })
}

/// Does what a service needs, and tells when time alone will make it need more.
///
/// # Errors
/// When the store fails, or the service changes all the time.
pub async fn look(
    cloud: &Cloud,
    ids: &Ids,
    key: &ServiceKey,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    for _ in 0..ATTEMPTS {
        let snapshot = cloud.store.snapshot();
        let Some(found) = service(&snapshot, &key.scope, &key.cluster, &key.name) else { return Ok(None) };
        let gathered = gather(&snapshot, found, now);
        let plan = decide(&gathered.view, now);
        let committed = match &plan.start {
            Some(start) if plan.may_start(&gathered.view) => {
                let _turn = cloud.placing.lock().await;
                place_tasks(cloud, ids, key, start, now).await
            }
            _ if plan.is_idle(&gathered.view) => return Ok(plan.wake_at),
            _ => commit(&cloud.store, &snapshot, &gathered, &plan, ids, now).await,
        };
        match committed {
            Err(Error::Store(error)) if error.is_conflict() => {}
            done => done?,
        }
    }
    Err(Error::Client("The service changes too often.".into()))
}

/// The view, and the rows that it was made from.
pub(super) struct Gathered {
    /// What is decided upon.
    pub view: View,
    /// The service.
    pub service: Versioned<ServiceRow>,
    /// The record of its change.
    pub record: Option<Versioned<ServiceDeploymentRow>>,
    /// Its tasks.
    pub tasks: Vec<Versioned<TaskRow>>,
}

/// Gathers what is known of a service.
pub(super) fn gather(snapshot: &Snapshot, service: Versioned<ServiceRow>, now: Timestamp) -> Gathered {
    let record = service_deployment(snapshot, &service, &service.primary().service_deployment);
    let tasks = tasks_of_service(snapshot, &service);
    let view = View {
        service: Service::clone(&service),
        record: record.as_ref().map(|found| found.row.0.clone()),
        tasks: tasks.iter().filter_map(|task| task_view(snapshot, &service, task, now)).collect(),
        instances: instances(snapshot, &service),
        zones: zones(snapshot, &service),
        routes: shifting::routes(snapshot, &service, record.as_ref().map(|found| &found.row.0)),
    };
    Gathered { view, service, record, tasks }
}

/// The zones in which tasks of the PRIMARY revision can run; nobody asks when they are not to be balanced.
fn zones(snapshot: &Snapshot, service: &Service) -> BTreeSet<String> {
    let spec = &service.spec;
    let can = can_rebalance(spec.scheduling_strategy, &spec.placement_strategy, &spec.deployment);
    if spec.availability_zone_rebalancing != Switch::Enabled || !can {
        return BTreeSet::new();
    }
    let Some(revision) = service_revision(snapshot, service, &service.primary().id) else {
        return BTreeSet::new();
    };
    if let Some(network) = &revision.spec.network {
        return ec2::interfaces::zones(snapshot, &service.scope, &network.subnets);
    }
    fitting(snapshot, service).into_iter().map(|member| member.zone()).collect()
}

/// The container instances that a DAEMON service has to serve; nobody else asks.
fn instances(snapshot: &Snapshot, service: &Service) -> BTreeSet<ContainerInstanceId> {
    if service.spec.scheduling_strategy != SchedulingStrategy::Daemon {
        return BTreeSet::new();
    }
    fitting(snapshot, service).into_iter().map(|member| member.row.id.clone()).collect()
}

/// The container instances that could take a task of the PRIMARY revision.
fn fitting(snapshot: &Snapshot, service: &Service) -> Vec<Member> {
    let Some(revision) = service_revision(snapshot, service, &service.primary().id) else {
        return Vec::new();
    };
    let definition = task_definition(snapshot, &service.scope, &revision.spec.definition);
    let cluster = snapshot.get::<ClusterRow>(&key![service.scope, service.cluster.as_str()]);
    let (Some(definition), Some(cluster)) = (definition, cluster) else { return Vec::new() };
    let wishes = wishes(&service.spec, &revision.spec);
    // What cannot be understood was refused when it was asked for.
    eligible(snapshot, &cluster, &definition, &wishes).unwrap_or_default()
}

fn task_view(snapshot: &Snapshot, service: &Service, task: &Task, now: Timestamp) -> Option<TaskView> {
    let deployment = task.spec.started_by.as_deref()?.strip_prefix("ecs-svc/")?;
    let deployment = RevisionId::new(deployment).ok()?;
    let revision = service_revision(snapshot, service, &deployment);
    let balancers = revision.iter().flat_map(|revision| revision.balancers());
    let reason = task.seen.stopped_reason.as_deref().unwrap_or_default();
    let by_us = task.seen.stop_code == Some(StopCode::ServiceSchedulerInitiated);
    Some(TaskView {
        id: task.id.clone(),
        targets: balancers.filter_map(|it| balancing::target(snapshot, task, it, now)).collect(),
        deployment,
        desired: task.desired_status,
        last: task.seen.last_status,
        created_at: task.seen.created_at,
        started_at: task.seen.started_at,
        ended_at: task.seen.execution_stopped_at.or(task.seen.stopping_at).or(task.seen.stopped_at),
        checks: checks(task),
        stop_code: task.seen.stop_code,
        why_not: task.seen.stopped_reason.clone().filter(|_| task.spec.launch_type == LaunchType::Fargate),
        was_unhealthy: by_us && is_unhealthy_reason(reason),
        supervision: task.supervision.clone(),
        has_to_move: drains(snapshot, task),
        instance: task.container_instance.clone(),
        zone: task.seen.availability_zone.clone(),
    })
}

/// Whether the container instance of a task takes no more tasks, and is to lose those that it has.
fn drains(snapshot: &Snapshot, task: &Task) -> bool {
    let row = task.container_instance.as_ref().and_then(|id| {
        let key = key![task.scope, task.cluster.as_str(), id.as_str()];
        snapshot.get::<ContainerInstanceRow>(&key)
    });
    row.is_some_and(|row| row.status == ContainerInstanceStatus::Draining)
}

fn checks(task: &Task) -> Checks {
    if !task.containers.iter().any(|container| container.essential && container.has_health_check) {
        return Checks::None;
    }
    match task.health_status() {
        HealthStatus::Healthy => Checks::Passing,
        HealthStatus::Unhealthy => Checks::Failing,
        HealthStatus::Unknown => Checks::Unknown,
    }
}

/// Commits all of a plan but its start.
async fn commit(
    store: &Store,
    snapshot: &Snapshot,
    gathered: &Gathered,
    plan: &Plan,
    ids: &Ids,
    now: Timestamp,
) -> Result<(), Error> {
    let mut service = plan.service.clone();
    let mut txn = tell(Txn::new(), &mut service, &plan.events, ids, now);
    if let (Some(found), Some(record)) = (&gathered.record, &plan.record)
        && found.row.0 != *record
    {
        txn = txn.update(found, &ServiceDeploymentRow(record.clone()));
    }
    txn = shifting::follow(snapshot, txn, &service.scope, &plan.shifts)?;
    txn = follow(snapshot, txn, gathered, plan, now)?;
    store.commit(txn.update(&gathered.service, &ServiceRow(service))).await?;
    Ok(())
}

/// Adds what becomes of single tasks.
pub(super) fn follow(
    snapshot: &Snapshot,
    mut txn: Txn,
    gathered: &Gathered,
    plan: &Plan,
    now: Timestamp,
) -> Result<Txn, Error> {
    for (id, actions) in &plan.tasks {
        let Some(found) = gathered.tasks.iter().find(|task| task.id == *id) else { continue };
        let mut task = Task::clone(found);
        for action in actions {
            act(&mut task, action, now);
            txn = balancing::follow(snapshot, txn, &task, action, now)?;
        }
        txn = txn.update(found, &TaskRow(task));
    }
    Ok(txn)
}

fn act(task: &mut Task, action: &TaskAction, now: Timestamp) {
    match action {
        TaskAction::NoteHealthy => task.supervision.healthy_at = Some(now),
        TaskAction::CountFailure => task.supervision.is_counted = true,
        TaskAction::Settle => task.supervision.is_settled = true,
        TaskAction::Stop { cause, drains } => {
            task.stop(cause.code(), cause.reason(), now);
            if *drains {
                // The gate of `reconcile::dispatch`: the node is told to stop once the connections are drained.
                task.seen.last_status = task.seen.last_status.max(LastStatus::Deactivating);
            }
        }
        TaskAction::Release => {
            task.seen.last_status = task.seen.last_status.max(LastStatus::Stopping);
            task.version += 1;
        }
        TaskAction::Register(target) => task.supervision.targets.push(target.clone()),
        TaskAction::Deregister(target) => {
            let entries = task.supervision.targets.iter_mut();
            entries.filter(|entry| *entry == target).for_each(|entry| entry.is_deregistered = true);
        }
    }
}

/// Adds events under their numbers, and trims those that are too old.
pub(super) fn tell(mut txn: Txn, service: &mut Service, events: &[String], ids: &Ids, now: Timestamp) -> Txn {
    for message in events {
        let number = service.seen.next_event;
        service.seen.next_event += 1;
        let event = ServiceEvent {
            scope: service.scope.clone(),
            cluster: service.cluster.clone(),
            service: service.name.clone(),
            number,
            id: ids.uuid(),
            created_at: now,
            message: message.clone(),
        };
        txn = txn.put(&ServiceEventRow(event));
        if let Some(old) = number.checked_sub(event::KEPT) {
            let (cluster, name) = (service.cluster.as_str(), service.name.as_str());
            txn = txn.delete::<ServiceEventRow>(&key![service.scope, cluster, name, old]);
        }
    }
    txn
}
