//! A simulated node: an agent that runs the real decider over a machine without containers.
//!
//! It keeps the bargain of `agent::task`: a journal written before a start, one report at a
//! time and in order, adoption after a crash. What the agent remembers and what the machine
//! holds are apart, so that a crash loses the one and keeps the other.

mod act;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::Timestamp;
use model::ecs::{DesiredStatus, TextEnum as _};
use reconcile::container::{Action, Exit, Stage, decide};
use wire::link::{ServerMessage, Task, TaskStateChange};

use crate::dice::Dice;
use crate::machine::{Machine, Place, Process};
use crate::planted::Planted;
pub use record::Record;
use record::{FIRST_PAUSE, LONGEST_PAUSE};

/// A runner that has nothing to wait for looks again after this time.
const IDLE: Duration = Duration::from_secs(60);
/// Decisions at one moment, at most: more means that plans do not come to rest.
const ROUNDS: usize = 100;
/// The exit code of a process whose end nobody saw.
const LOST: i64 = 137;

/// Something that happens on a node by itself.
#[derive(Clone, Debug)]
pub enum NodeEvent {
    /// A step of the agent's life `life` has ended.
    Done {
        /// Which life; an earlier one's step is of no account.
        life: u64,
        /// The task.
        arn: String,
        /// The step.
        action: Action,
    },
    /// A container's process ends.
    Exit {
        /// Which container.
        place: Place,
        /// Which of its runs.
        run: u64,
        /// With which code.
        code: i64,
    },
    /// A runner looks again.
    Wake {
        /// Which life.
        life: u64,
        /// The task.
        arn: String,
        /// Which wake-up.
        wake: u64,
    },
}

/// What a node asks of the world.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Let this happen after a while.
    After(Duration, NodeEvent),
    /// Send a report, and say whether it was acknowledged.
    Submit(TaskStateChange),
    /// A law of nodes is broken.
    Broken(String),
}

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Its id.
    pub id: String,
    /// CPU units and MiB.
    pub capacity: (u32, u32),
    /// The machine, which outlives the agent.
    pub machine: Machine,
    /// The journal, which outlives the agent.
    pub journal: BTreeMap<String, Record>,
    /// The agent's memory; none while it is down.
    pub memory: Option<BTreeMap<String, Record>>,
    /// Raised at every start of the agent.
    pub life: u64,
    /// How far the machine's clock is off, in milliseconds.
    pub clock_off: i64,
    /// Whether chance may fail what the node does.
    pub stormy: bool,
    /// Tasks that have ended in this life: a late message does not start them again.
    ended: BTreeSet<String>,
    dice: Dice,
    planted: Option<Planted>,
}

impl Node {
    /// A node whose agent has not started.
    pub fn new(id: String, capacity: (u32, u32), dice: Dice, planted: Option<Planted>) -> Node {
        Node {
            id,
            capacity,
            machine: Machine::default(),
            journal: BTreeMap::new(),
            memory: None,
            life: 0,
            clock_off: 0,
            stormy: false,
            ended: BTreeSet::new(),
            dice,
            planted,
        }
    }

    /// Starts the agent: sweeps what no journal knows, and adopts the rest.
    pub fn start(&mut self, now: Timestamp) -> Vec<Effect> {
        self.life += 1;
        self.ended.clear();
        let journal = &self.journal;
        self.machine.containers.retain(|(arn, _), _| journal.contains_key(arn));
        self.machine.sites.retain(|arn, _| journal.contains_key(arn));
        let mut revived: BTreeMap<String, Record> =
            journal.iter().map(|(arn, record)| (arn.clone(), record.revived())).collect();
        for (arn, record) in &mut revived {
            adopt(arn, record, &mut self.machine, now);
        }
        let arns: Vec<String> = revived.keys().cloned().collect();
        self.memory = Some(revived);
        arns.iter().flat_map(|arn| self.advance(arn, true, now)).collect()
    }

    /// The agent dies. A step that was under way has come to its end or not.
    pub fn crash(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (arn, record) in self.memory.take().unwrap_or_default() {
            for action in &record.view.busy {
                if self.dice.chance(50) {
                    effects.extend(act::perform(self, &arn, &record, action).effects);
                }
            }
        }
        effects
    }

    /// Acts on what the control plane says.
    pub fn deliver(&mut self, message: ServerMessage, now: Timestamp) -> Vec<Effect> {
        match message {
            ServerMessage::PayloadMessage(payload) => {
                payload.tasks.into_iter().flat_map(|task| self.want(task, now)).collect()
            }
            ServerMessage::TaskManifestMessage(manifest) => {
                let stays: BTreeSet<&str> = manifest
                    .tasks
                    .iter()
                    .filter(|line| line.desired_status != DesiredStatus::Stopped.as_str())
                    .map(|line| line.task_arn.as_str())
                    .collect();
                let known = self.memory.iter().flatten().map(|(arn, _)| arn.clone());
                let goes: Vec<String> = known.filter(|arn| !stays.contains(arn.as_str())).collect();
                goes.iter().flat_map(|arn| self.want_stopped(arn, now)).collect()
            }
            // A simulated node has no packets to let through, and executes no commands.
            ServerMessage::SecurityGroupsMessage(_)
            | ServerMessage::HeartbeatMessage(_)
            | ServerMessage::IamRoleCredentialsMessage(_)
            | ServerMessage::ExecuteCommandMessage(_) => Vec::new(),
        }
    }

    fn want(&mut self, task: Task, now: Timestamp) -> Vec<Effect> {
        let arn = task.arn.clone();
        let Some(memory) = &mut self.memory else { return Vec::new() };
        let stops = task.desired_status == DesiredStatus::Stopped.as_str();
        if memory.contains_key(&arn) {
            return if stops { self.want_stopped(&arn, now) } else { Vec::new() };
        }
        if !stops && self.ended.contains(&arn) && self.planted != Some(Planted::ForgetsEnded) {
            return Vec::new();
        }
        let record = Record::new(task);
        self.journal.insert(arn.clone(), record.clone());
        memory.insert(arn.clone(), record);
        self.advance(&arn, false, now)
    }

    fn want_stopped(&mut self, arn: &str, now: Timestamp) -> Vec<Effect> {
        let Some(record) = self.memory.as_mut().and_then(|memory| memory.get_mut(arn)) else {
            return Vec::new();
        };
        record.view.desired = DesiredStatus::Stopped;
        self.advance(arn, true, now)
    }

    /// Something has happened on the node.
    pub fn happen(&mut self, event: NodeEvent, now: Timestamp) -> Vec<Effect> {
        match event {
            NodeEvent::Done { life, arn, action } => self.done(life, &arn, &action, now),
            NodeEvent::Exit { place, run, code } => {
                if !self.machine.end(&place, run, code) {
                    return Vec::new();
                }
                let (arn, name) = place;
                if let Some(record) = self.memory.as_mut().and_then(|memory| memory.get_mut(&arn)) {
                    exited(record, &name, Some(code), now);
                }
                self.advance(&arn, true, now)
            }
            NodeEvent::Wake { life, arn, wake } => {
                let known = self.memory.as_ref().and_then(|memory| memory.get(&arn));
                let due = life == self.life && known.is_some_and(|record| record.wake == wake);
                if due { self.advance(&arn, false, now) } else { Vec::new() }
            }
        }
    }

    fn done(&mut self, life: u64, arn: &str, action: &Action, now: Timestamp) -> Vec<Effect> {
        let known = self.memory.as_ref().and_then(|memory| memory.get(arn));
        let Some(record) = known.filter(|record| life == self.life && record.view.busy.contains(action))
        else {
            return Vec::new();
        };
        let record = record.clone();
        let outcome = act::perform(self, arn, &record, action);
        let Some(record) = self.memory.as_mut().and_then(|memory| memory.get_mut(arn)) else {
            return Vec::new();
        };
        record.view.busy.remove(action);
        let dirty = act::note(record, action, &outcome, now);
        let mut effects = outcome.effects;
        effects.extend(self.advance(arn, dirty, now));
        effects
    }

    /// A report came back, acknowledged or not.
    pub fn sent(&mut self, life: u64, arn: &str, acknowledged: bool, now: Timestamp) -> Vec<Effect> {
        if life != self.life {
            return Vec::new();
        }
        let Some(record) = self.memory.as_mut().and_then(|memory| memory.get_mut(arn)) else {
            return Vec::new();
        };
        record.sending = false;
        if acknowledged || self.planted == Some(Planted::DropsReports) {
            record.outbox.pop_front();
            record.pause = FIRST_PAUSE;
        } else {
            record.pause = (record.pause * 2).min(LONGEST_PAUSE);
        }
        self.advance(arn, false, now)
    }

    /// Decides until nothing new comes out, journals, and sends what there is to tell.
    fn advance(&mut self, arn: &str, mut dirty: bool, now: Timestamp) -> Vec<Effect> {
        let mut effects = Vec::new();
        for _ in 0..ROUNDS {
            let Some(record) = self.memory.as_mut().and_then(|memory| memory.get_mut(arn)) else {
                return effects;
            };
            let plan = decide(&record.view, now);
            if plan.report.status < record.view.status {
                effects.push(Effect::Broken(format!("task {arn}: the node's status went back")));
            }
            if record.view.stop.is_none() && plan.report.stop.is_some() {
                record.view.stop.clone_from(&plan.report.stop);
                dirty = true;
            }
            dirty |= record.report(&plan.report);
            if dirty {
                self.journal.insert(arn.to_owned(), record.clone());
                dirty = false;
            }
            if plan.actions.is_empty() {
                let pause = plan.wake_at.map_or(IDLE, |at| at.since(now)).min(IDLE);
                effects.extend(self.rest(arn, pause));
                return effects;
            }
            for action in plan.actions {
                let (begun, changed) = act::begin(self, arn, action, now);
                effects.extend(begun);
                dirty |= changed;
            }
        }
        effects.push(Effect::Broken(format!("task {arn}: the node's plans do not come to rest")));
        effects
    }

    /// Sends the next report, forgets a task that is over, or sleeps.
    fn rest(&mut self, arn: &str, pause: Duration) -> Vec<Effect> {
        let Some(memory) = &mut self.memory else { return Vec::new() };
        let Some(record) = memory.get_mut(arn) else { return Vec::new() };
        if record.is_over() {
            memory.remove(arn);
            self.journal.remove(arn);
            self.ended.insert(arn.to_owned());
            return Vec::new();
        }
        let mut effects = Vec::new();
        if let Some(change) = record.outbox.front().filter(|_| !record.sending) {
            effects.push(Effect::Submit(change.clone()));
            record.sending = true;
        }
        record.wake += 1;
        let wake = NodeEvent::Wake { life: self.life, arn: arn.to_owned(), wake: record.wake };
        effects.push(Effect::After(pause.max(Duration::from_millis(1)), wake));
        effects
    }

    /// How long the node waits before it sends a refused report again.
    pub fn pause_of(&self, arn: &str) -> Duration {
        let record = self.memory.as_ref().and_then(|memory| memory.get(arn));
        record.map_or(FIRST_PAUSE, |record| record.pause)
    }
}

/// Finds out what became of a task's containers while no agent watched.
fn adopt(arn: &str, record: &mut Record, machine: &mut Machine, now: Timestamp) {
    if record.view.site == reconcile::container::Site::Ready {
        machine.sites.insert(arn.to_owned(), record.address());
    }
    let names: Vec<String> = record.view.containers.keys().cloned().collect();
    for name in names {
        let process = machine.containers.get(&(arn.to_owned(), name.clone())).copied();
        let Some(container) = record.view.containers.get_mut(&name) else { continue };
        match (process, &container.seen.stage) {
            (Some(Process::Running(_)), Stage::Running { .. }) => {}
            (Some(Process::Running(_)), _) => container.seen.stage = Stage::Running { started_at: now },
            (Some(Process::Stopped(code)), stage) if !matches!(stage, Stage::Exited(_)) => {
                exited(record, &name, Some(code), now);
            }
            (None, Stage::Running { .. }) => exited(record, &name, Some(LOST), now),
            (Some(Process::Created | Process::Stopped(_)) | None, _) => {}
        }
    }
}

/// Notes that a container's process has ended.
fn exited(record: &mut Record, name: &str, code: Option<i64>, now: Timestamp) {
    let Some(container) = record.view.containers.get_mut(name) else { return };
    let started_at = match container.seen.stage {
        Stage::Running { started_at } => started_at,
        Stage::Waiting | Stage::Created | Stage::Exited(_) | Stage::Failed { .. } => now,
    };
    container.seen.stage = Stage::Exited(Exit { started_at, at: now, code });
}
