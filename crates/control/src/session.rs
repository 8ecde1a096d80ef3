//! One node's session: keeps telling the node what the store wants of its tasks.
//!
//! Woken by changes of tasks or by the next heartbeat, it loads the node's tasks, lets
//! `reconcile::dispatch` decide, and sends. A new session has sent nothing, so first start,
//! reconnection and recovery are the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use model::Timestamp;
use model::ecs::status::StopCode;
use model::ecs::{DesiredStatus, LastStatus, NodeId, Task, service_connect};
use reconcile::dispatch::{self, Action, View, Wanted};
use reconcile::task::Report;
use services::{Cloud, Ids, ec2, ecs};
use store::{Changes, Notice, Snapshot};
use tokio::sync::mpsc;
use wire::link::{self, ServerMessage};

use crate::clock::Clock;
use crate::credentials::Granted;
use crate::payload::{self, Surroundings};

/// Notices taken at once before looking at the tasks: a burst of changes costs one look.
const BURST: usize = 1024;

/// A session with one node.
#[derive(Debug)]
pub struct Session {
    /// Where the tasks are.
    pub cloud: Arc<Cloud>,
    /// The node.
    pub node: NodeId,
    /// The way to it.
    pub link: mpsc::Sender<ServerMessage>,
    /// The time.
    pub clock: Clock,
    /// Where message ids come from.
    pub ids: Ids,
}

impl Session {
    /// Serves the node until the link or the store is gone.
    pub async fn run(self) {
        let mut changes = self.cloud.store.changes();
        let mut view = View::default();
        let mut sequence = 0;
        let mut guarded = None;
        let mut granted = Granted::default();
        loop {
            let now = self.clock.now();
            let snapshot = self.cloud.store.snapshot();
            let tasks = ecs::door::tasks_of_node(&snapshot, &self.node);
            view.tasks = tasks.iter().map(|task| (task.arn().to_string(), wanted(task))).collect();
            let by_arn: BTreeMap<_, _> = tasks.iter().map(|task| (task.arn().to_string(), task)).collect();
            // Before the tasks themselves, which wait for it.
            let groups = security_groups(&snapshot, &tasks);
            if guarded.as_ref() != Some(&groups) {
                let message = link::SecurityGroups { message_id: self.ids.uuid(), ..groups.clone() };
                if self.link.send(ServerMessage::SecurityGroupsMessage(message)).await.is_err() {
                    return;
                }
                guarded = Some(groups);
            }
            let plan = dispatch::decide(&view, now);
            for action in &plan.actions {
                sequence += 1;
                if !self.perform(action, &snapshot, &by_arn, sequence, now, &mut granted).await {
                    return;
                }
            }
            for message in granted.renew(&self, &snapshot, &tasks, now) {
                if self.link.send(message).await.is_err() {
                    return;
                }
            }
            dispatch::apply(&mut view, &plan, now);
            if !wait(&mut changes, plan.wake_at.since(now)).await {
                return;
            }
        }
    }

    /// Sends what the action says; false when the node is gone.
    async fn perform(
        &self,
        action: &Action,
        snapshot: &Snapshot,
        tasks: &BTreeMap<String, &Task>,
        sequence: i64,
        now: Timestamp,
        granted: &mut Granted,
    ) -> bool {
        let message_id = self.ids.uuid();
        let message = match action {
            Action::Forget(_) => return true,
            Action::Heartbeat => {
                ServerMessage::HeartbeatMessage(link::Heartbeat { message_id, healthy: true })
            }
            Action::Manifest => ServerMessage::TaskManifestMessage(link::TaskManifest {
                message_id,
                cluster_arn: String::new(),
                container_instance_arn: self.node.to_string(),
                generated_at: now.as_millis(),
                timeline: sequence,
                tasks: tasks.values().map(|task| identifier(task)).collect(),
            }),
            Action::Payload(wanted) => {
                let mut messages = Vec::new();
                for (arn, wanted) in wanted {
                    let Some(task) = tasks.get(arn) else { continue };
                    messages.extend(self.message(snapshot, task, *wanted, now, granted).await);
                }
                ServerMessage::PayloadMessage(link::Payload {
                    message_id,
                    cluster_arn: String::new(),
                    container_instance_arn: self.node.to_string(),
                    generated_at: now.as_millis(),
                    seq_num: sequence,
                    tasks: messages,
                })
            }
        };
        self.link.send(message).await.is_ok()
    }

    /// The message about one task. A task whose definition is gone cannot run, and is reported as such.
    async fn message(
        &self,
        snapshot: &Snapshot,
        task: &Task,
        wanted: Wanted,
        now: Timestamp,
        granted: &mut Granted,
    ) -> Option<link::Task> {
        if wanted == Wanted::Stop {
            return Some(payload::stop(task));
        }
        let Some(definition) = ecs::door::definition_of(snapshot, task) else {
            self.end(task, "The task definition has been deleted.".into(), now).await;
            return None;
        };
        let mut around = surroundings(snapshot, task);
        match granted.grant(self, snapshot, task, &definition, now) {
            Ok(role) => around.role = role,
            Err(reason) => {
                self.end(task, reason, now).await;
                return None;
            }
        }
        let mut told = payload::task(task, &definition, &around);
        // One that drains runs on, whoever asks anew: a node stops at once what it is told to stop.
        told.desired_status = DesiredStatus::Running.to_string();
        Some(told)
    }

    /// Ends a task that cannot be sent to its node.
    async fn end(&self, task: &Task, reason: String, now: Timestamp) {
        let report = Report {
            status: Some(LastStatus::Stopped),
            stop_code: Some(StopCode::TaskFailedToStart),
            reason: Some(reason),
            ..Report::default()
        };
        let arn = task.arn().to_string();
        if let Err(error) = ecs::door::report(&self.cloud.store, &arn, &report, now).await {
            tracing::error!(
                task = arn,
                error = &error as &dyn std::error::Error,
                "ending a task that cannot run"
            );
        }
    }
}

/// The security groups that a node with these tasks must know.
fn security_groups(snapshot: &Snapshot, tasks: &[Task]) -> link::SecurityGroups {
    let interfaces = tasks
        .iter()
        .flat_map(|task| ecs::door::interfaces_of(task).map(|id| (task.scope.clone(), id)))
        .collect::<Vec<_>>();
    ec2::guard::of_node(snapshot, &interfaces)
}

fn wanted(task: &Task) -> Wanted {
    match task.desired_status {
        DesiredStatus::Running => Wanted::Run,
        // Its connections are drained first: the service scheduler tells when they are.
        DesiredStatus::Stopped if task.seen.last_status == LastStatus::Deactivating => Wanted::Run,
        DesiredStatus::Stopped => Wanted::Stop,
    }
}

fn identifier(task: &Task) -> link::TaskIdentifier {
    link::TaskIdentifier {
        task_arn: task.arn().to_string(),
        task_cluster_arn: task.cluster.arn(&task.scope).to_string(),
        desired_status: match wanted(task) {
            Wanted::Run => DesiredStatus::Running.to_string(),
            Wanted::Stop => DesiredStatus::Stopped.to_string(),
        },
    }
}

fn surroundings(snapshot: &Snapshot, task: &Task) -> Surroundings {
    let interface = ecs::door::interfaces_of(task).next();
    let around = interface.and_then(|id| ec2::interfaces::surroundings(snapshot, &task.scope, &id));
    let log_mode = Some(ecs::door::default_log_mode(snapshot, &task.scope));
    let Some(around) = around else { return Surroundings { log_mode, ..Surroundings::default() } };
    let gateway = around.subnet.gateway().map(|gateway| format!("{gateway}/{}", around.subnet.prefix()));
    let subnet_prefix = Some(around.subnet.prefix());
    Surroundings {
        vpc_id: Some(around.vpc_id),
        gateway,
        subnet_prefix,
        log_mode,
        proxy_names: proxy_names(snapshot, task),
        ..Surroundings::default()
    }
}

fn proxy_names(snapshot: &Snapshot, task: &Task) -> Vec<link::ProxyName> {
    let endpoints = ecs::connect::endpoints_of(snapshot, task);
    let places = service_connect::places(&endpoints);
    let name = |(endpoint, place): (&service_connect::Endpoint, service_connect::Place)| link::ProxyName {
        name: endpoint.name.clone(),
        address: place.address,
        port: endpoint.port,
        listen_port: place.listen_port,
    };
    endpoints.iter().zip(places).map(name).collect()
}

/// Whether a change in this table may concern a node.
fn concerns(table: &str) -> bool {
    table == ecs::door::TASK_TABLE || ec2::guard::TABLES.contains(&table)
}

/// Waits for a change of tasks or their security groups, or until `at_most` is over. False when the store is gone.
async fn wait(changes: &mut Changes, at_most: Duration) -> bool {
    let relevant = async {
        loop {
            match changes.next().await {
                Some(Notice::Change(change)) if !concerns(change.table) => {}
                Some(Notice::Change(_) | Notice::Lagged) => return true,
                None => return false,
            }
        }
    };
    if let Ok(false) = tokio::time::timeout(at_most, relevant).await {
        return false;
    }
    for _ in 0..BURST {
        match changes.next().now_or_never() {
            Some(Some(_)) => {}
            Some(None) => return false,
            None => break,
        }
    }
    true
}
