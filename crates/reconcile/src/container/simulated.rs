//! A node without containers: does what plans say, at simulated times, and watches the laws.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::Timestamp;
use model::ecs::{DesiredStatus, LastStatus};

use super::{
    Action, CheckOutcome, Container, Event, Exit, Failure, Plan, Seen, Signal, Site, Stage, View, Wanted,
    decide, observe,
};

/// How a simulated container behaves. Times are in milliseconds.
#[derive(Clone, Debug)]
pub struct Nature {
    pub pulls: bool,
    pub creates: bool,
    pub starts: bool,
    pub runs_for: Option<u64>,
    pub exit_code: i64,
    pub ends_after_term: Option<u64>,
    pub healthy: bool,
}

impl Default for Nature {
    fn default() -> Self {
        Nature {
            pulls: true,
            creates: true,
            starts: true,
            runs_for: None,
            exit_code: 0,
            ends_after_term: Some(10),
            healthy: true,
        }
    }
}

/// One task on a simulated node.
pub struct World {
    pub view: View,
    pub now: Timestamp,
    pub report: super::Report,
    /// What was done, in order.
    pub done: Vec<(Timestamp, Action)>,
    natures: BTreeMap<String, Nature>,
    in_flight: Vec<(Timestamp, Action)>,
    exits: BTreeMap<String, (Timestamp, i64)>,
    latency: Duration,
}

/// A view in which nothing has happened yet.
pub fn fresh(containers: impl IntoIterator<Item = (String, Wanted)>) -> View {
    let container = |wanted| Container { wanted, seen: Seen::default() };
    View {
        desired: DesiredStatus::Running,
        status: LastStatus::Provisioning,
        stop: None,
        site: Site::Absent,
        containers: containers.into_iter().map(|(name, wanted)| (name, container(wanted))).collect(),
        busy: BTreeSet::new(),
    }
}

impl World {
    pub fn new(tasks: Vec<(&str, Wanted, Nature)>, latency_ms: u64) -> World {
        let natures = tasks.iter().map(|(name, _, nature)| ((*name).to_string(), nature.clone())).collect();
        let view = fresh(tasks.into_iter().map(|(name, wanted, _)| (name.to_string(), wanted)));
        World {
            view,
            now: Timestamp::from_millis(1_000_000),
            report: super::Report::default(),
            done: Vec::new(),
            natures,
            in_flight: Vec::new(),
            exits: BTreeMap::new(),
            latency: Duration::from_millis(latency_ms),
        }
    }

    /// Runs until nothing more happens before `until`.
    pub fn run_until(&mut self, until: Timestamp) {
        for _ in 0..100_000 {
            let plan = decide(&self.view, self.now);
            self.watch_the_laws(&plan);
            self.view.status = plan.report.status;
            self.view.stop.clone_from(&plan.report.stop);
            self.report = plan.report.clone();
            if !plan.actions.is_empty() {
                plan.actions.iter().for_each(|action| self.begin(action));
                let again = decide(&self.view, self.now);
                assert_eq!(
                    again.actions,
                    derived_from(&plan, &again),
                    "a plan begun leaves nothing else to do"
                );
                continue;
            }
            match self.next_change(plan.wake_at).filter(|at| *at <= until) {
                Some(at) => {
                    self.now = self.now.max(at);
                    self.happen();
                }
                None => {
                    self.now = until;
                    return;
                }
            }
        }
        panic!("no rest after 100,000 steps: {:?}", self.view);
    }

    pub fn run_for(&mut self, millis: u64) {
        self.run_until(self.now + Duration::from_millis(millis));
    }

    pub fn order_of(&self, wanted: impl Fn(&Action) -> bool) -> Vec<&Action> {
        self.done.iter().map(|(_, action)| action).filter(|action| wanted(action)).collect()
    }

    fn watch_the_laws(&self, plan: &Plan) {
        assert_eq!(plan, &decide(&self.view, self.now), "the same input gives the same plan");
        assert!(plan.report.status >= self.view.status, "a status went back");
        assert!(self.view.stop.is_none() || plan.report.stop == self.view.stop, "a cause was replaced");
        if self.report.status == LastStatus::Stopped {
            assert!(plan.actions.is_empty(), "a stopped task acts: {:?}", plan.actions);
        } else {
            let idle = plan.actions.is_empty() && plan.wake_at.is_none() && plan.waits_for.is_empty();
            assert!(!idle || plan.report.status == LastStatus::Stopped, "stuck: {:?}", self.view);
        }
        if let Some(at) = plan.wake_at {
            assert!(at > self.now, "a wake-up in the past");
        }
        for event in &plan.waits_for {
            match event {
                Event::Exit(name) => assert!(self.view.containers[name].is_running()),
                Event::Done(action) => assert!(self.view.busy.contains(action)),
                Event::StopRequest => assert_eq!(plan.report.stop, None),
            }
        }
        plan.actions.iter().for_each(|action| self.watch_action(action));
    }

    fn watch_action(&self, action: &Action) {
        match action {
            Action::Signal { container, signal: Signal::Kill } => {
                let container = &self.view.containers[container];
                let term = container.seen.term_sent_at.expect("asked before killed");
                assert!(self.now.since(term) >= container.wanted.stop_timeout, "killed too early");
            }
            Action::DeleteContainer(name) => assert!(!self.view.containers[name].is_running()),
            Action::Deprovision => {
                assert!(
                    self.view.containers.values().all(|c| !c.needs_removal()),
                    "the site outlives containers"
                );
            }
            Action::CreateContainer(_) | Action::StartContainer(_) => assert_eq!(self.view.site, Site::Ready),
            _ => {}
        }
    }

    fn begin(&mut self, action: &Action) {
        self.done.push((self.now, action.clone()));
        match action {
            Action::Signal { container, signal } => self.signal(container, *signal),
            Action::GiveUp { container, reason } => self.fail(container, Failure::Dependency, reason),
            Action::CancelPull(name) => {
                let pull = Action::PullImage(name.clone());
                self.view.busy.remove(&pull);
                self.in_flight.retain(|(_, action)| *action != pull);
            }
            other => {
                self.view.busy.insert(other.clone());
                self.in_flight.push((self.now + self.latency, other.clone()));
            }
        }
    }

    fn signal(&mut self, name: &str, signal: Signal) {
        let now = self.now;
        let end = match signal {
            Signal::Term => {
                self.seen(name).term_sent_at = Some(now);
                self.natures[name].ends_after_term.map(|after| (now + Duration::from_millis(after), 143))
            }
            Signal::Kill => {
                self.seen(name).kill_sent_at = Some(now);
                Some((now + Duration::from_millis(5), 137))
            }
        };
        if let Some(end) = end {
            let exit = self.exits.entry(name.to_string()).or_insert(end);
            *exit = (*exit).min(end);
        }
    }

    fn seen(&mut self, name: &str) -> &mut Seen {
        &mut self.view.containers.get_mut(name).expect("a container of the task").seen
    }

    fn fail(&mut self, name: &str, failure: Failure, reason: &str) {
        self.seen(name).stage = Stage::Failed { failure, reason: reason.to_string() };
    }

    fn next_change(&self, wake_at: Option<Timestamp>) -> Option<Timestamp> {
        let ends = self.in_flight.iter().map(|(at, _)| *at);
        ends.chain(self.exits.values().map(|(at, _)| *at)).chain(wake_at).min()
    }

    fn happen(&mut self) {
        let now = self.now;
        let (ended, left) = std::mem::take(&mut self.in_flight).into_iter().partition(|(at, _)| *at <= now);
        self.in_flight = left;
        let ended: Vec<(Timestamp, Action)> = ended;
        for (_, action) in ended {
            self.view.busy.remove(&action);
            self.complete(action);
        }
        let due: Vec<_> =
            self.exits.iter().filter(|(_, (at, _))| *at <= now).map(|(name, _)| name.clone()).collect();
        for name in due {
            let (_, code) = self.exits.remove(&name).expect("just seen");
            if let Stage::Running { started_at } = self.seen(&name).stage {
                self.seen(&name).stage = Stage::Exited(Exit { started_at, at: now, code: Some(code) });
            }
        }
    }

    fn complete(&mut self, action: Action) {
        match action {
            Action::Provision => self.view.site = Site::Ready,
            Action::Deprovision => self.view.site = Site::Removed,
            Action::PullImage(name) if self.natures[&name].pulls => self.seen(&name).image_ready = true,
            Action::PullImage(name) => {
                self.fail(&name, Failure::Pull, "CannotPullContainerError: no such image")
            }
            Action::CreateContainer(name) if self.natures[&name].creates => {
                self.seen(&name).stage = Stage::Created
            }
            Action::CreateContainer(name) => {
                self.fail(&name, Failure::Create, "CannotCreateContainerError: no")
            }
            Action::StartContainer(name) => self.start(&name),
            Action::CheckHealth(name) => self.check(&name),
            Action::DeleteContainer(name) => self.seen(&name).removed = true,
            Action::CancelPull(_) | Action::GiveUp { .. } | Action::Signal { .. } => {
                unreachable!("ends at once")
            }
        }
    }

    fn start(&mut self, name: &str) {
        let nature = self.natures[name].clone();
        if !nature.starts {
            return self.fail(name, Failure::Start, "CannotStartContainerError: no");
        }
        let started_at = self.now;
        self.seen(name).stage = Stage::Running { started_at };
        self.seen(name).health = super::Health::default();
        if let Some(millis) = nature.runs_for {
            self.exits
                .insert(name.to_string(), (started_at + Duration::from_millis(millis), nature.exit_code));
        }
    }

    fn check(&mut self, name: &str) {
        let outcome = if self.natures[name].healthy { CheckOutcome::Passed } else { CheckOutcome::Failed };
        let container = self.view.containers[name].clone();
        if let (Stage::Running { started_at }, Some(check)) =
            (container.seen.stage, &container.wanted.health_check)
        {
            self.seen(name).health = observe(&container.seen.health, check, outcome, started_at, self.now);
        }
    }
}

/// What may follow at once from actions that end at once: giving up leads on to others that give up, or to the stop.
fn derived_from(plan: &Plan, again: &Plan) -> Vec<Action> {
    let at_once = |action: &Action| matches!(action, Action::GiveUp { .. } | Action::CancelPull(_));
    if plan.actions.iter().any(at_once) { again.actions.clone() } else { Vec::new() }
}
