//! The links between nodes and the control plane, and what a storm does to messages.
//!
//! Down the link runs a stream: messages keep their order, may be late or come twice, and are
//! lost only with the link, as on a websocket. Reports are requests: each may be lost on its way
//! or on its way back, and a copy may arrive long after.

use std::time::Duration;

use control::LocalLink;
use model::ecs::{DesiredStatus, TextEnum as _};
use wire::link::{NodeRegistration, ServerMessage, TaskStateChange, Uplink as _};

use super::{Event, Happening, World, alive};
use crate::planted::Planted;
use crate::trace::short;

/// Time between heartbeats, as the agent's.
const BEAT: Duration = Duration::from_secs(20);
/// When a node gives up waiting for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What happens to one report.
struct Fate {
    out: Duration,
    back: Duration,
    lost_out: bool,
    lost_back: bool,
    copy_after: Option<Duration>,
}

impl World {
    /// Starts a node's agent, if it is down.
    pub(super) fn start_agent(&mut self, node: usize) {
        if self.nodes[node].memory.is_some() {
            return;
        }
        self.trace.note(format!("node {node}: the agent starts"));
        let now = self.node_now(node);
        let effects = self.nodes[node].start(now);
        self.follow(node, effects);
        let soon = self.dice.millis(1, 200);
        self.after(soon, Event::Connect(node));
    }

    /// Opens a new link: a new session, which knows nothing of the one before.
    pub(super) fn connect(&mut self, node: usize) {
        if self.nodes[node].memory.is_none() || self.ties[node].link.is_some() {
            return;
        }
        let Some(cloud) = self.cloud() else {
            return self.after(Duration::from_millis(500), Event::Connect(node));
        };
        let (link, mut messages) = LocalLink::new(cloud, self.clock.clone(), self.ids.clone());
        let tie = &mut self.ties[node];
        tie.epoch += 1;
        tie.link = Some(link.clone());
        let (epoch, sender) = (tie.epoch, self.sender.clone());
        tokio::spawn(async move {
            while let Some(message) = messages.recv().await {
                let message = Box::new(message);
                if sender.send(Happening::Said { node, epoch, message }).await.is_err() {
                    return;
                }
            }
        });
        let it = &self.nodes[node];
        let factor = if self.planted(Planted::OffersTooMuch) { 4 } else { 1 };
        let told = NodeRegistration {
            node_id: it.id.clone(),
            cpu_units: it.capacity.0 * factor,
            memory_mib: it.capacity.1 * factor,
            known_tasks: it.journal.keys().cloned().collect(),
            ..NodeRegistration::default()
        };
        let (sender, gone) = (self.sender.clone(), self.gone());
        tokio::spawn(async move {
            let answer = alive(gone, link.register(told)).await;
            let accepted = answer.is_some_and(|answer| answer.is_ok());
            let _ = sender.send(Happening::Registered { node, epoch, accepted }).await;
        });
    }

    /// A registration has ended.
    pub(super) fn registered(&mut self, node: usize, epoch: u64, accepted: bool) {
        if self.ties[node].epoch != epoch {
            return;
        }
        if accepted {
            self.trace.note(format!("node {node}: registered"));
            self.after(BEAT, Event::Beat { node, epoch });
        } else {
            self.sever(node, false);
            self.after(Duration::from_secs(1), Event::Connect(node));
        }
    }

    /// A heartbeat, as long as the link is the same.
    pub(super) fn beat(&mut self, node: usize, epoch: u64) {
        if self.ties[node].epoch != epoch {
            return;
        }
        let Some(link) = self.ties[node].link.clone() else { return };
        let (id, gone) = (self.nodes[node].id.clone(), self.gone());
        tokio::spawn(async move { alive(gone, link.heartbeat(id)).await });
        self.after(BEAT, Event::Beat { node, epoch });
    }

    /// Breaks a node's link; what was under way on it is lost. The control plane notices, or does not.
    pub(super) fn sever(&mut self, node: usize, noticed: bool) {
        let tie = &mut self.ties[node];
        tie.epoch += 1;
        let Some(link) = tie.link.take().filter(|_| noticed) else { return };
        let (id, gone) = (self.nodes[node].id.clone(), self.gone());
        tokio::spawn(async move { alive(gone, link.close(&id)).await });
    }

    /// The control plane has said something: it arrives later, in order.
    pub(super) fn said(&mut self, node: usize, epoch: u64, message: ServerMessage) {
        if self.ties[node].epoch != epoch {
            return;
        }
        let message = self.tamper(node, message);
        let delay = match self.stormy {
            true if self.dice.chance(15) => self.dice.millis(100, 8_000),
            true => self.dice.millis(0, 100),
            false => Duration::from_millis(1),
        };
        let now = self.start.elapsed();
        let tie = &mut self.ties[node];
        tie.arrives_at = tie.arrives_at.max(now + delay);
        let span = tie.arrives_at - now;
        let twice = self.stormy && self.dice.chance(10);
        for _ in 0..=usize::from(twice) {
            let message = Box::new(message.clone());
            self.after(span, Event::Deliver { node, epoch: Some(epoch), message });
        }
    }

    /// Plants the faults of the link.
    fn tamper(&mut self, node: usize, mut message: ServerMessage) -> ServerMessage {
        let ServerMessage::PayloadMessage(payload) = &mut message else { return message };
        let stops = |task: &wire::link::Task| task.desired_status == DesiredStatus::Stopped.as_str();
        if self.planted(Planted::LosesStop) {
            payload.tasks.retain(|task| !stops(task));
        }
        if self.planted(Planted::RunsAfterStop) {
            for task in payload.tasks.clone() {
                if !stops(&task) {
                    self.told_to_run.insert(task.arn.clone(), task);
                } else if let Some(run) = self.told_to_run.remove(&task.arn) {
                    let late = wire::link::Payload { tasks: vec![run], ..payload.clone() };
                    let message = Box::new(ServerMessage::PayloadMessage(late));
                    let span = self.dice.millis(5_000, 120_000);
                    self.after(span, Event::Deliver { node, epoch: None, message });
                }
            }
        }
        message
    }

    /// A message reaches its node.
    pub(super) fn deliver(&mut self, node: usize, epoch: Option<u64>, message: ServerMessage) {
        if epoch.is_some_and(|epoch| self.ties[node].epoch != epoch) {
            return;
        }
        if let ServerMessage::PayloadMessage(payload) = &message {
            let tasks: Vec<String> =
                payload.tasks.iter().map(|it| format!("{} {}", it.desired_status, short(&it.arn))).collect();
            self.trace.note(format!("node {node}: is told {tasks:?}"));
        }
        self.count("messages", 1);
        let now = self.node_now(node);
        let effects = self.nodes[node].deliver(message, now);
        self.follow(node, effects);
    }

    /// A node sends a report.
    pub(super) fn submit(&mut self, node: usize, change: TaskStateChange) {
        let (life, arn) = (self.nodes[node].life, change.task.clone());
        let Some(link) = self.ties[node].link.clone() else {
            let pause = self.nodes[node].pause_of(&arn);
            return self.after(pause, Event::Refused { node, life, arn });
        };
        self.trace.note(format!("node {node}: reports {} {}", change.status, short(&arn)));
        self.count("reports", 1);
        let fate = self.fate();
        if let Some(after) = fate.copy_after {
            let (link, copy, gone) = (link.clone(), change.clone(), self.gone());
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                alive(gone, link.submit_task_state_change(copy)).await
            });
        }
        if !fate.lost_out && !fate.lost_back {
            self.last_reports.insert(arn.clone(), change.clone());
        }
        let (sender, gone) = (self.sender.clone(), self.gone());
        tokio::spawn(async move {
            let work = async {
                tokio::time::sleep(fate.out).await;
                if fate.lost_out {
                    tokio::time::sleep(TIMEOUT).await;
                    return false;
                }
                let answer = link.submit_task_state_change(change).await;
                tokio::time::sleep(if fate.lost_back { TIMEOUT } else { fate.back }).await;
                !fate.lost_back && answer.is_ok_and(|()| true)
            };
            let acknowledged = alive(gone, work).await.unwrap_or(false);
            let _ = sender.send(Happening::Sent { node, life, arn, acknowledged }).await;
        });
    }

    fn fate(&mut self) -> Fate {
        if !self.stormy {
            let brief = Duration::from_millis(1);
            return Fate { out: brief, back: brief, lost_out: false, lost_back: false, copy_after: None };
        }
        let slow = if self.dice.chance(10) { 3_000 } else { 50 };
        Fate {
            out: self.dice.millis(0, slow),
            back: self.dice.millis(0, slow),
            lost_out: self.dice.chance(5),
            lost_back: self.dice.chance(5),
            copy_after: self.dice.chance(10).then(|| self.dice.millis(0, 60_000)),
        }
    }
}
