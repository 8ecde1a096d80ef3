//! One task's actor: decides, does, notes what came of it, journals, reports; until it is over.
//!
//! It alone changes its record. Steps run beside it and answer [`Outcome`]s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use reconcile::container::{Action, Signal, decide};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use wire::link;

use super::actions::{self, Outcome};
use super::firelens;
use super::node::Node;
use super::note;
use super::ports::MetadataGuard;
use super::record::{Failure, Record, Stop};
use super::storage;
use super::view;
use crate::dns;
use crate::network::TaskNetwork;
use crate::runtime::ProcessState;

/// Longest sleep: a runner that has nothing to wait for looks again now and then.
const IDLE: Duration = Duration::from_secs(60);
const FIRST_SEND_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_SEND_PAUSE: Duration = Duration::from_secs(30);
/// How often a containerd that answers is asked for a container whose shim does not; each time takes it two seconds.
const ADOPTION_ATTEMPTS: u32 = 30;

/// What the control plane tells a runner.
#[derive(Debug)]
pub enum Message {
    /// The task as it is wanted now.
    Wanted(Box<link::Task>),
    /// The task is to stop although nobody said so itself.
    Stop,
    /// Fresh credentials.
    Credentials(Box<link::IamRoleCredentials>),
    /// The disk that it uses is to be measured.
    Measure,
}

/// What a step came to, and which it was, if the decider asked for it.
type Done = (Option<Outcome>, Option<Action>);

/// The actor.
pub struct Runner {
    node: Arc<Node>,
    record: Record,
    inbox: mpsc::Receiver<Message>,
    shown: watch::Sender<Arc<Record>>,
    metadata: Vec<MetadataGuard>,
    names: Vec<dns::Served>,
    busy: BTreeSet<Action>,
    work: JoinSet<Done>,
    pulls: BTreeMap<String, AbortHandle>,
    dirty: bool,
    measuring: bool,
    sending: bool,
    send_pause: Duration,
}

impl Runner {
    /// A runner for a record that has been journaled.
    pub fn new(node: Arc<Node>, record: Record, inbox: mpsc::Receiver<Message>) -> Runner {
        let shown = watch::Sender::new(Arc::new(record.clone()));
        Runner {
            node,
            record,
            inbox,
            shown,
            metadata: Vec::new(),
            names: Vec::new(),
            busy: BTreeSet::new(),
            work: JoinSet::new(),
            pulls: BTreeMap::new(),
            dirty: false,
            measuring: false,
            sending: false,
            send_pause: FIRST_SEND_PAUSE,
        }
    }

    /// Goes on with a task that an earlier agent began: asks containerd what became of it.
    pub async fn adopt(&mut self) {
        note::revived(&mut self.record);
        if let Some(network) = self.record.network.clone() {
            let has_run = self.record.containers.values().any(|container| container.started_at.is_some());
            if let Err(error) = self.node.networks.adopt(&network, has_run).await {
                tracing::warn!(
                    task = self.record.id(),
                    error = &error as &dyn std::error::Error,
                    "adopting a network"
                );
            }
            self.serve_metadata().await;
        }
        let names: Vec<String> = self.record.containers.keys().cloned().collect();
        for name in names {
            let id = self.record.containers[&name].runtime_id.clone();
            let state = self.found(&id).await;
            let oom_kills = self.node.cgroups.oom_kills(self.record.id(), &id);
            if note::adopted(&mut self.record, &name, state, oom_kills, now()) {
                self.watch_exit(&name);
            } else if state == ProcessState::Created && self.is_interactive(&name) {
                // Its pipes are made anew at the start.
                let _ = self.node.runtime.delete_process(&id).await;
            }
        }
        self.dirty = true;
    }

    fn is_interactive(&self, name: &str) -> bool {
        let wanted = self.record.task.containers.iter().find(|container| container.name == name);
        wanted.is_some_and(|container| container.docker_config.config.open_stdin)
    }

    /// What an earlier agent's container is doing. A daemon that is away is waited for; one that answers and cannot
    /// tell is asked for a while, because what is taken for missing would be made anew.
    async fn found(&self, id: &str) -> ProcessState {
        let mut patience = ADOPTION_ATTEMPTS;
        loop {
            match self.node.runtime.state(id).await {
                Ok(state) => return state,
                Err(error) if error.is_away() => {}
                Err(error) if patience == 0 => {
                    tracing::error!(id, %error, "nobody knows what a container does; it is ended");
                    self.node.runtime.abandon(id).await;
                    return ProcessState::Missing;
                }
                Err(_unclear) => patience -= 1,
            }
            tokio::time::sleep(FIRST_SEND_PAUSE).await;
        }
    }

    /// Runs the task until it is over and acknowledged, then forgets it.
    pub async fn run(mut self) {
        loop {
            let wake_at = self.advance().await;
            if self.record.is_over() && self.record.outbox.is_empty() && !self.sending {
                break;
            }
            let sleep = wake_at
                .map_or(IDLE, |at| Duration::from_millis(u64::try_from(at - now()).unwrap_or(0)))
                .min(IDLE);
            tokio::select! {
                biased;
                message = self.inbox.recv() => match message {
                    Some(message) => self.take(message),
                    None => return,
                },
                Some(done) = self.work.join_next() => self.settle(done).await,
                () = tokio::time::sleep(sleep) => {}
            }
        }
        if let Err(error) = self.node.journal.remove(self.record.id()).await {
            tracing::warn!(
                task = self.record.id(),
                error = &error as &dyn std::error::Error,
                "forgetting a task"
            );
        }
        tracing::debug!(task = self.record.id(), "over");
    }

    /// Decides until nothing new comes out; journals and sends what there is to tell.
    async fn advance(&mut self) -> Option<i64> {
        loop {
            let plan = decide(&view::of(&self.record, &self.busy), Timestamp::from_millis(now()));
            if self.record.stop.is_none()
                && let Some(stop) = &plan.report.stop
            {
                self.note_stop(view::stop_of(stop));
            }
            let change = view::state_change(&self.record, &plan.report);
            self.dirty |= self.record.report(change);
            let begun = plan.actions.len();
            // What a start relies on must be known to a successor before it can happen.
            if self.dirty {
                self.save().await;
            }
            for action in plan.actions {
                self.begin(action);
            }
            if begun > 0 {
                continue;
            }
            self.send_next();
            self.shown.send_replace(Arc::new(self.record.clone()));
            return plan.wake_at.map(Timestamp::as_millis);
        }
    }

    fn note_stop(&mut self, stop: Stop) {
        let (code, reason) = (stop.code.as_deref(), stop.reason.as_deref());
        tracing::info!(task = self.record.id(), code, reason, "the task stops");
        self.record.stop = Some(stop);
        self.record.execution_stopped_at.get_or_insert_with(now);
        self.dirty = true;
    }

    /// Begins a step. All but those that end at once are busy until their outcome is noted.
    fn begin(&mut self, action: Action) {
        match &action {
            Action::GiveUp { container, reason } => {
                note::failed(&mut self.record, container, Failure::Dependency, reason.clone());
                self.dirty = true;
                return;
            }
            Action::CancelPull(name) => {
                if let Some(pull) = self.pulls.remove(name) {
                    pull.abort();
                }
                self.busy.remove(&Action::PullImage(name.clone()));
                return;
            }
            Action::Signal { container, signal } => {
                let container = self.record.containers.entry(container.clone()).or_default();
                match signal {
                    Signal::Term => container.stop_requested_at = Some(now()),
                    Signal::Kill => container.kill_sent_at = Some(now()),
                }
                self.dirty = true;
            }
            Action::PullImage(_) => {
                self.record.pull_started_at.get_or_insert_with(now);
                self.busy.insert(action.clone());
            }
            Action::Deprovision => {
                self.metadata.clear();
                self.names.clear();
                self.busy.insert(action.clone());
            }
            Action::Provision
            | Action::CreateContainer(_)
            | Action::StartContainer(_)
            | Action::CheckHealth(_)
            | Action::DeleteContainer(_) => {
                self.busy.insert(action.clone());
            }
        }
        let (node, record) = (self.node.clone(), self.record.clone());
        let pulled = if let Action::PullImage(name) = &action { Some(name.clone()) } else { None };
        let handle =
            self.work.spawn(async move { (actions::perform(&node, &record, &action).await, Some(action)) });
        if let Some(name) = pulled {
            self.pulls.insert(name, handle);
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Wanted(task) if task.desired_status == "STOPPED" => self.want_stopped(),
            Message::Stop => self.want_stopped(),
            Message::Wanted(_unchanged) => {}
            Message::Measure => self.measure(),
            Message::Credentials(fresh) => {
                let slot = match fresh.role_type.as_str() {
                    "TaskExecution" => &mut self.record.task.execution_role_credentials,
                    _ => &mut self.record.task.role_credentials,
                };
                *slot = Some(fresh.role_credentials);
                self.dirty = true;
            }
        }
    }

    fn want_stopped(&mut self) {
        if self.record.task.desired_status != "STOPPED" {
            self.record.task.desired_status = "STOPPED".into();
            self.dirty = true;
        }
    }

    fn measure(&mut self) {
        if self.measuring || self.record.stop.is_some() || !storage::is_limited(&self.record) {
            return;
        }
        self.measuring = true;
        let (node, record) = (self.node.clone(), self.record.clone());
        self.work
            .spawn(async move { (Some(Outcome::Measured(storage::measure(&node, &record).await)), None) });
    }

    fn measured(&mut self, used: Result<u64, String>) {
        self.measuring = false;
        match used {
            Ok(used_mib) => {
                self.record.disk_used_mib = Some(used_mib);
                let stop = storage::verdict(&self.record, used_mib);
                if let Some(stop) = stop.filter(|_| self.record.stop.is_none()) {
                    self.note_stop(stop);
                }
            }
            Err(error) => tracing::warn!(task = self.record.id(), error, "measuring a task's disk"),
        }
    }

    async fn settle(&mut self, done: Result<Done, tokio::task::JoinError>) {
        let (outcome, action) = match done {
            Ok(done) => done,
            Err(error) if error.is_cancelled() => return,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        if let Some(action) = action {
            self.busy.remove(&action);
        }
        let provisioned = matches!(outcome, Some(Outcome::Provisioned(Ok(_))));
        match outcome {
            None => return,
            Some(Outcome::Sent(acknowledged)) => self.sent(acknowledged),
            Some(Outcome::Measured(used)) => self.measured(used),
            Some(outcome) => {
                let started =
                    if let Outcome::Started(name, Ok(_)) = &outcome { Some(name.clone()) } else { None };
                self.dirty |= note::outcome(&mut self.record, outcome, now());
                if let Some(name) = started {
                    self.watch_exit(&name);
                    self.measure();
                }
            }
        }
        if provisioned {
            self.serve_metadata().await;
        }
    }

    fn sent(&mut self, acknowledged: bool) {
        self.sending = false;
        if acknowledged {
            self.record.outbox.pop_front();
            self.send_pause = FIRST_SEND_PAUSE;
            // Not worth a write of its own: repeating a report changes nothing.
        } else {
            self.send_pause = (self.send_pause * 2).min(LONGEST_SEND_PAUSE);
        }
    }

    fn watch_exit(&mut self, name: &str) {
        let (node, name, task_id) = (self.node.clone(), name.to_string(), self.record.id().to_string());
        let id = self.record.containers[&name].runtime_id.clone();
        let wanted = self.record.task.containers.iter().find(|container| container.name == name);
        let is_routed = wanted.is_some_and(firelens::logs_through);
        self.work.spawn(async move {
            let state = node.runtime.wait(&id).await;
            if is_routed {
                // The router may be stopped next: it must have the last lines by then.
                node.logs.drained(&id).await;
            }
            // Before the process is deleted: its group goes with it.
            let oom_kills = node.cgroups.oom_kills(&task_id, &id);
            (Some(Outcome::Exited(name, state, oom_kills)), None)
        });
    }

    async fn serve_metadata(&mut self) {
        let Some(network) = &self.record.network else { return };
        let mut places: Vec<_> =
            network.all().filter_map(|network| network.netns.clone()).map(Some).collect();
        if self.record.task.network_mode == "host" {
            places.push(None);
        }
        self.shown.send_replace(Arc::new(self.record.clone()));
        for netns in places {
            match self.node.metadata.serve(netns, self.shown.subscribe()).await {
                Ok(guard) => self.metadata.push(guard),
                Err(error) => {
                    tracing::warn!(task = self.record.id(), error, "the task has no metadata endpoint");
                }
            }
        }
        self.serve_names().await;
    }

    /// Answers the task's questions for names, where it has a network at all.
    async fn serve_names(&mut self) {
        let wired = self.record.network.iter().flat_map(TaskNetwork::all).filter(|it| it.interface.is_some());
        let places: Vec<_> = wired.filter_map(|network| network.netns.clone()).collect();
        for netns in places {
            match dns::serve(self.node.resolver.clone(), netns, self.record.task.arn.clone()).await {
                Ok(served) => self.names.push(served),
                Err(error) => tracing::warn!(task = self.record.id(), %error, "the task has no resolver"),
            }
        }
    }

    async fn save(&mut self) {
        match self.node.journal.save(&self.record).await {
            Ok(()) => self.dirty = false,
            // The disk may be full: the task goes on, and the next change tries again.
            Err(error) => {
                tracing::error!(
                    task = self.record.id(),
                    error = &error as &dyn std::error::Error,
                    "journaling"
                );
            }
        }
    }

    fn send_next(&mut self) {
        let Some(change) = self.record.outbox.front().cloned().filter(|_| !self.sending) else { return };
        self.sending = true;
        let (node, pause) = (self.node.clone(), self.send_pause);
        self.work.spawn(async move {
            let acknowledged = match node.uplink.submit_task_state_change(change).await {
                Ok(()) => true,
                Err(error) if error.retryable => {
                    tokio::time::sleep(pause).await;
                    false
                }
                Err(error) => {
                    tracing::warn!(%error, "a report was refused");
                    true
                }
            };
            (Some(Outcome::Sent(acknowledged)), None)
        });
    }
}

/// Epoch milliseconds.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
