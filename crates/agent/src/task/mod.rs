//! Tasks: one [`runner::Runner`] each, a journal that survives us, and the supervisor here that
//! hands messages to runners and, at the start, adopts what runs and sweeps what belongs to nobody.

mod actions;
mod environment_files;
mod errors;
mod file_systems;
mod files;
mod firelens;
mod firelens_config;
mod journal;
mod node;
mod note;
pub mod ports;
pub mod record;
mod runner;
mod site;
mod storage;
pub mod timing;
mod view;
mod volumes;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wire::link;

pub use errors::chain as error_chain;
pub use file_systems::FileSystems;
pub use journal::{Error as JournalError, Journal};
pub use node::{Node, open_files};
pub use storage::{LOOK_EVERY as LOOK_AT_STORAGE_EVERY, Watch as StorageWatch};

use crate::exec::Execs;
use record::{Record, Site, id_of};
use runner::{Message, Runner, now};

/// Messages that wait for one runner; it takes them between two steps, which are short.
const INBOX: usize = 32;

/// The tasks of a node.
pub struct Tasks {
    node: Arc<Node>,
    inboxes: BTreeMap<String, mpsc::Sender<Message>>,
    arns: BTreeMap<String, String>,
    runners: JoinSet<String>,
    ended: Ended,
    execs: Execs,
}

/// The tasks that ended in this agent's life. A message that was on its way when its task ended must not start it
/// anew: the control plane has given the task's address away.
#[derive(Default)]
struct Ended {
    ids: BTreeSet<String>,
    order: VecDeque<String>,
}

impl Ended {
    /// Ids that are remembered: far more than can end while a message is on its way.
    const LIMIT: usize = 10_000;

    fn insert(&mut self, id: String) {
        if self.ids.insert(id.clone()) {
            self.order.push_back(id);
        }
        if self.order.len() > Self::LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

impl Tasks {
    /// Adopts the tasks of the journal and removes what belongs to none of them.
    pub async fn start(node: Arc<Node>) -> Tasks {
        let records = node.journal.load();
        sweep(&node, &records).await;
        let execs = Execs::start(node.clone()).await;
        let mut tasks = Tasks {
            node,
            execs,
            inboxes: BTreeMap::new(),
            arns: BTreeMap::new(),
            runners: JoinSet::new(),
            ended: Ended::default(),
        };
        for record in records {
            tracing::info!(task = record.id(), status = record.known_status, "adopting a task");
            tasks.spawn(record, true);
        }
        tasks
    }

    /// The tasks that are on the node.
    pub fn arns(&self) -> Vec<String> {
        self.arns.values().cloned().collect()
    }

    /// Whether no task is left.
    pub fn is_empty(&self) -> bool {
        self.inboxes.is_empty()
    }

    /// Acts on what the control plane says.
    pub async fn handle(&mut self, message: link::ServerMessage) {
        match message {
            link::ServerMessage::HeartbeatMessage(_) => {}
            link::ServerMessage::PayloadMessage(payload) => {
                for task in payload.tasks {
                    self.want(task).await;
                }
            }
            link::ServerMessage::SecurityGroupsMessage(groups) => self.node.networks.guard(groups),
            link::ServerMessage::TaskManifestMessage(manifest) => self.compare(&manifest).await,
            link::ServerMessage::IamRoleCredentialsMessage(fresh) => {
                if let Some(inbox) = self.inboxes.get(id_of(&fresh.task_arn)) {
                    let _ = inbox.send(Message::Credentials(Box::new(fresh))).await;
                }
            }
            link::ServerMessage::ExecuteCommandMessage(command) => self.execs.serve(command),
        }
    }

    /// Ends the commands that are executed in tasks: they do not outlive the agent.
    pub async fn end_execs(&mut self) {
        self.execs.shutdown().await;
    }

    /// Asks every task to stop.
    pub async fn stop_all(&mut self) {
        for inbox in self.inboxes.values() {
            let _ = inbox.send(Message::Stop).await;
        }
    }

    /// Has every task measure its disk.
    pub fn measure(&self) {
        for inbox in self.inboxes.values() {
            // One that has no room is busy; it is measured the next time.
            let _ = inbox.try_send(Message::Measure);
        }
    }

    /// Waits for the end of a runner; pends when there is none.
    pub async fn ended(&mut self) {
        match self.runners.join_next().await {
            Some(Ok(id)) => {
                self.inboxes.remove(&id);
                self.arns.remove(&id);
                self.ended.insert(id);
            }
            Some(Err(error)) => {
                // Its inbox is closed: the next message about the task is refused until a restart adopts it.
                tracing::error!(%error, "a task's runner failed");
                self.inboxes.retain(|_, inbox| !inbox.is_closed());
            }
            None => std::future::pending().await,
        }
    }

    async fn want(&mut self, task: link::Task) {
        let id = id_of(&task.arn).to_string();
        if let Some(inbox) = self.inboxes.get(&id) {
            let _ = inbox.send(Message::Wanted(Box::new(task))).await;
            return;
        }
        if task.desired_status != "STOPPED" && self.ended.ids.contains(&id) {
            tracing::debug!(task = id, "a late message wants an ended task; it stays ended");
            return;
        }
        let mut record = Record::new(task, now());
        if record.task.desired_status == "STOPPED" {
            // It never came here, or is long forgotten: all that is left to do is to say so.
            record.site = Site::Removed;
        }
        if let Err(error) = self.node.journal.save(&record).await {
            tracing::error!(task = id, error = error_chain(&error), "journaling a new task");
            record.site = Site::Failed(errors::resource_initialization(&error));
        }
        self.spawn(record, false);
    }

    async fn compare(&mut self, manifest: &link::TaskManifest) {
        for (id, inbox) in &self.inboxes {
            let line = manifest.tasks.iter().find(|line| id_of(&line.task_arn) == id);
            if line.is_none_or(|line| line.desired_status == "STOPPED") {
                tracing::info!(task = id, "the control plane does not want this task here");
                let _ = inbox.send(Message::Stop).await;
            }
        }
    }

    fn spawn(&mut self, record: Record, adopt: bool) {
        let id = record.id().to_string();
        let (inbox, messages) = mpsc::channel(INBOX);
        self.arns.insert(id.clone(), record.task.arn.clone());
        let mut runner = Runner::new(self.node.clone(), record, messages);
        self.inboxes.insert(id.clone(), inbox);
        self.runners.spawn(async move {
            if adopt {
                runner.adopt().await;
            }
            runner.run().await;
            id
        });
    }
}

/// Removes containers, snapshots, networks and control groups of ours that belong to no journaled task.
async fn sweep(node: &Node, records: &[Record]) {
    let log = |what: &str, error: &dyn std::error::Error| {
        tracing::warn!(error = error_chain(error), "sweeping {what}");
    };
    let knows = |task_id: &str| records.iter().any(|record| record.id() == task_id);
    let is_ours = |id: &str| records.iter().any(|r| r.containers.values().any(|c| c.runtime_id == id));
    match node.runtime.list().await {
        Ok(containers) => {
            for container in containers.iter().filter(|container| !knows(&container.task_id)) {
                tracing::info!(id = container.id, "removing a container of no task");
                if let Err(error) = node.runtime.delete(&container.id).await {
                    log("containers", &error);
                }
                node.logs.finish(&container.id).await;
            }
        }
        Err(error) => log("containers", &error),
    }
    match node.runtime.snapshots().await {
        Ok(keys) => {
            for key in keys.iter().filter(|key| !is_ours(key)) {
                if let Err(error) = node.runtime.remove_snapshot(key).await {
                    log("snapshots", &error);
                }
            }
        }
        Err(error) => log("snapshots", &error),
    }
    let networks: Vec<_> = records.iter().filter_map(|record| record.network.clone()).collect();
    if let Err(error) = node.networks.sweep(&networks).await {
        log("networks", &error);
    }
    site::sweep(&node.config.run_dir(), knows);
    firelens::sweep(&node.config.run_dir(), knows);
    for id in node.cgroups.task_ids().iter().filter(|id| !knows(id)) {
        if let Err(error) = node.cgroups.remove(id).await {
            log("control groups", &error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_ended_tasks_is_bounded() {
        let mut ended = Ended::default();
        for id in 0..Ended::LIMIT + 2 {
            ended.insert(id.to_string());
        }
        ended.insert((Ended::LIMIT + 1).to_string());
        assert_eq!((ended.ids.len(), ended.order.len()), (Ended::LIMIT, Ended::LIMIT));
        assert!(!ended.ids.contains("0") && ended.ids.contains(&(Ended::LIMIT + 1).to_string()));
    }
}
