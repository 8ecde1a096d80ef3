//! The doors of this room: what `control` reads of nodes and their tasks, and what nodes report.
//!
//! Everything a node says may be said twice; a report that tells nothing new costs no commit.

use model::ecs::placement::TaskPlacementConstraint;
use model::ecs::setting::SettingName;
use model::ecs::task_definition::TaskDefinition;
use model::ecs::{Cluster, ContainerInstance, LastStatus, Node, NodeId, Tags, Task};
use model::{Arn, Scope, Timestamp};
use reconcile::reap::{self, Ended};
use reconcile::task::{Report, apply};
use store::{Key, Snapshot, Store, Txn, Versioned, key};

use super::error::Error;
use super::rules::placement::Wishes;
use super::store::{BY_NODE, ENDED, NodeRow, TaskRow, active_cluster, task_definition};
use super::{instances, placement, registries, roles, setting, tagged};
use crate::context::Ids;
use crate::ec2;

/// The tags of the resource of this ARN.
pub(crate) fn tags_of(snapshot: &Snapshot, scope: &Scope, arn: &Arn) -> Option<Tags> {
    tagged::find_in(scope, snapshot, &arn.to_string()).ok().map(|found| found.tags().clone())
}

/// Attempts at a report whose commit meets a conflict.
const ATTEMPTS: usize = 64;

/// Announces a node, or its return with another capacity.
pub async fn register_node(store: &Store, node: Node) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let snapshot = store.snapshot();
        let found = snapshot.get::<NodeRow>(&key![node.id.as_str()]);
        let mut next = NodeRow(node.clone());
        let txn = match &found {
            Some(known) => {
                next.0.registered_at = known.registered_at;
                Txn::new().update(known, &next)
            }
            None => Txn::new().insert(&next),
        };
        match store.commit(txn).await {
            Err(error) if error.is_conflict() => {}
            done => return done.map(drop).map_err(Error::from),
        }
    }
    Err(Error::Client("The node changed too often.".into()))
}

/// Registers a known node as a container instance of the cluster that it offers itself to, if that exists.
pub async fn join_cluster(store: &Store, id: &NodeId, now: Timestamp, ids: &Ids) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let snapshot = store.snapshot();
        let Some(node) = snapshot.get::<NodeRow>(&key![id.as_str()]) else { return Ok(()) };
        let Some(membership) = &node.membership else { return Ok(()) };
        let Ok(cluster) = active_cluster(&snapshot, &membership.scope, &membership.cluster) else {
            return Ok(());
        };
        let txn = instances::join(&snapshot, Txn::new(), &node, &cluster, now, &mut ids.clone());
        if txn.is_read_only() {
            return Ok(());
        }
        match store.commit(txn.expect(&cluster)).await {
            Err(error) if error.is_conflict() => {}
            done => return done.map(drop).map_err(Error::from),
        }
    }
    Err(Error::Client("The cluster changed too often.".into()))
}

/// Marks a node as reachable or not. An unknown node is left alone.
pub async fn set_connected(store: &Store, id: &NodeId, connected: bool, now: Timestamp) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let snapshot = store.snapshot();
        let Some(found) = snapshot.get::<NodeRow>(&key![id.as_str()]) else { return Ok(()) };
        if found.connected == connected {
            return Ok(());
        }
        let next = NodeRow(Node { connected, connected_at: now, ..found.row.0.clone() });
        match store.commit(Txn::new().update(&found, &next)).await {
            Err(error) if error.is_conflict() => {}
            done => return done.map(drop).map_err(Error::from),
        }
    }
    Err(Error::Client("The node changed too often.".into()))
}

/// Marks every node as unreachable: at the start of a control plane no link is up.
pub async fn disconnect_all(store: &Store, now: Timestamp) -> Result<(), Error> {
    let nodes: Vec<_> = store.snapshot().all::<NodeRow>(&key![]).map(|node| node.id.clone()).collect();
    for id in &nodes {
        set_connected(store, id, false, now).await?;
    }
    Ok(())
}

/// Whether a node is there and reachable.
pub fn is_connected(snapshot: &Snapshot, id: &NodeId) -> bool {
    snapshot.get::<NodeRow>(&key![id.as_str()]).is_some_and(|node| node.connected)
}

/// The table whose changes may concern a node's tasks.
pub const TASK_TABLE: &str = <TaskRow as store::Row>::TABLE;

/// The tasks of a node that have not ended.
pub fn tasks_of_node(snapshot: &Snapshot, node: &NodeId) -> Vec<Task> {
    snapshot.all_by::<TaskRow>(BY_NODE, &key![node.as_str()]).map(|task| task.row.0.clone()).collect()
}

/// The container instances that a DAEMON service has to serve: the active ones of the cluster that could run
/// `definition` if they were empty, and that `constraints` allow.
pub fn daemon_instances(
    snapshot: &Snapshot,
    cluster: &Cluster,
    definition: &TaskDefinition,
    constraints: &[TaskPlacementConstraint],
) -> Result<Vec<ContainerInstance>, Error> {
    let wishes = Wishes { constraints: constraints.to_vec(), ..Wishes::default() };
    let members = placement::eligible(snapshot, cluster, definition, &wishes)?;
    Ok(members.into_iter().map(|member| ContainerInstance::clone(&member.row)).collect())
}

/// The definition that a task is an instance of.
pub fn definition_of(snapshot: &Snapshot, task: &Task) -> Option<TaskDefinition> {
    task_definition(snapshot, &task.scope, &task.spec.definition).map(|found| found.row.0.clone())
}

/// The `mode` of a log configuration that names none: the account's `defaultLogDriverMode`.
///
/// Deviation: a task does not remember who ran it, so a principal's own setting does not count.
pub fn default_log_mode(snapshot: &Snapshot, scope: &Scope) -> String {
    setting::of_account(snapshot, scope, SettingName::DefaultLogDriverMode)
}

/// The scope and the interfaces of the task that an ARN names.
pub fn network_of(snapshot: &Snapshot, arn: &str) -> Option<(model::Scope, Vec<String>)> {
    let task = task(snapshot, arn)?;
    Some((task.scope.clone(), interfaces_of(&task).collect()))
}

/// The task that an ARN names, and the role that its containers have, if it has one.
pub(crate) fn task_role(snapshot: &Snapshot, arn: &str) -> Option<(Task, Option<String>)> {
    let task = task(snapshot, arn)?;
    let role = definition_of(snapshot, &task).and_then(|definition| roles::of_task(&task, &definition));
    Some((task.row.0.clone(), role))
}

/// The task that an ARN names, and the role that the node uses for it, if it has one.
pub(crate) fn execution_role(snapshot: &Snapshot, arn: &str) -> Option<(Task, String)> {
    let task = task(snapshot, arn)?;
    let definition = definition_of(snapshot, &task)?;
    let role = roles::of_execution(&task, &definition)?;
    Some((task.row.0.clone(), role))
}

/// Whether tagging what is made needs a permission of its own: an account setting.
pub(crate) fn tagging_is_asked(snapshot: &Snapshot, scope: &Scope) -> bool {
    setting::of_account(snapshot, scope, SettingName::TagResourceAuthorization) == "on"
}

/// The task that an ARN names.
pub(super) fn task(snapshot: &Snapshot, arn: &str) -> Option<Versioned<TaskRow>> {
    let arn: Arn = arn.parse().ok()?;
    let (kind, path) = arn.typed_resource()?;
    let (cluster, id) = path.split_once('/').filter(|_| kind == "task")?;
    snapshot.get(&key![arn.account, arn.region, cluster, id])
}

/// Merges a node's report into its task. When the task has ended, its address and its capacity are free
/// in the same commit.
///
/// # Errors
/// When the store fails; an unknown task is no error, since its end may have been reported before.
pub async fn report(store: &Store, task_arn: &str, report: &Report, now: Timestamp) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let snapshot = store.snapshot();
        let Some(found) = task(&snapshot, task_arn) else { return Ok(()) };
        let Some(next) = apply(&found, report, now) else { return Ok(()) };
        let txn = Txn::new().update(&found, &TaskRow(next.clone()));
        let txn = registries::follow(&snapshot, txn, &found, &next, now);
        match store.commit(follow(&snapshot, txn, &found, &next)).await {
            Err(error) if error.is_conflict() => {}
            done => return done.map(drop).map_err(Error::from),
        }
    }
    Err(Error::Client("The task changed too often.".into()))
}

/// What follows from a task's new status for its interfaces and its node.
fn follow(snapshot: &Snapshot, mut txn: Txn, before: &Task, after: &Task) -> Txn {
    let interfaces: Vec<_> = interfaces_of(after).collect();
    if after.seen.last_status.is_ended() {
        txn = placement::release(snapshot, txn, after);
        return interfaces
            .iter()
            .fold(txn, |txn, id| ec2::interfaces::release(snapshot, txn, &after.scope, id));
    }
    let wired = |task: &Task| task.seen.last_status >= LastStatus::Pending;
    if wired(after) && !wired(before) {
        txn = interfaces.iter().fold(txn, |txn, id| ec2::interfaces::attach(snapshot, txn, &after.scope, id));
    }
    txn
}

/// The ids of a task's network interfaces.
pub fn interfaces_of(task: &Task) -> impl Iterator<Item = String> + '_ {
    let details = task.attachments.iter().flat_map(|attachment| &attachment.details);
    details.filter(|detail| detail.name == "networkInterfaceId").map(|detail| detail.value.clone())
}

/// Deletes stopped tasks that have been shown long enough; says when there will be more to do.
pub async fn reap_stopped_tasks(store: &Store, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let snapshot = store.snapshot();
    // One row more than a batch tells the driver when to come back.
    let page = snapshot.page_by::<TaskRow>(ENDED, &key![], None, reap::BATCH + 1);
    let ended: Vec<Ended<Key>> = page
        .iter()
        .filter_map(|task| Some(Ended { key: store::Row::key(task.row.as_ref()), at: task.seen.stopped_at? }))
        .collect();
    let plan = reap::decide(&ended, reap::STOPPED_TASK_FOR, now);
    let gone = page.iter().filter(|task| plan.delete.contains(&store::Row::key(task.row.as_ref())));
    let txn = gone.fold(Txn::new(), |txn, task| txn.remove(task));
    if !txn.is_read_only() {
        store.commit(txn).await?;
    }
    Ok(plan.wake_at)
}
