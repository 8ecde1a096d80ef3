//! What a node's actions do to its machine, and what its agent notes of them.

use std::time::Duration;

use model::Timestamp;
use reconcile::container::{Action, Failure, Signal, Site, Stage};

use super::{Effect, Node, NodeEvent, Record};
use crate::machine::{Nature, Place, Process};
use crate::planted::Planted;

/// What came of an action.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Why it failed, if it did.
    failure: Option<String>,
    /// What follows by itself.
    pub(super) effects: Vec<Effect>,
}

/// Begins an action; what follows, and whether the journal must know.
pub(super) fn begin(node: &mut Node, arn: &str, action: Action, now: Timestamp) -> (Vec<Effect>, bool) {
    let life = node.life;
    let Some(record) = node.memory.as_mut().and_then(|memory| memory.get_mut(arn)) else {
        return (Vec::new(), false);
    };
    let after = match &action {
        Action::GiveUp { container, reason } => {
            fail(record, container, Failure::Dependency, reason.clone());
            return (Vec::new(), true);
        }
        Action::CancelPull(name) => {
            record.view.busy.remove(&Action::PullImage(name.clone()));
            return (Vec::new(), false);
        }
        Action::Signal { container, signal } => {
            if let Some(container) = record.view.containers.get_mut(container) {
                match signal {
                    Signal::Term => container.seen.term_sent_at = Some(now),
                    Signal::Kill => container.seen.kill_sent_at = Some(now),
                }
            }
            let nature = Nature::of(record.image(container));
            let place = (arn.to_owned(), container.clone());
            return (strike(node, place, *signal, nature).into_iter().collect(), true);
        }
        Action::PullImage(name) => Nature::of(record.image(name)).pull(&mut node.dice),
        Action::Provision
        | Action::CreateContainer(_)
        | Action::StartContainer(_)
        | Action::CheckHealth(_)
        | Action::DeleteContainer(_)
        | Action::Deprovision => node.dice.millis(1, 300),
    };
    record.view.busy.insert(action.clone());
    (vec![Effect::After(after, NodeEvent::Done { life, arn: arn.to_owned(), action })], false)
}

/// Signals a container; a stubborn one hears only the last word, and in a storm a kill may be lost.
fn strike(node: &mut Node, place: Place, signal: Signal, nature: Nature) -> Option<Effect> {
    let run = node.machine.run_of(&place)?;
    let (after, code) = match signal {
        Signal::Term if nature == Nature::Stubborn => return None,
        Signal::Term => (node.dice.millis(5, 4_000), 143),
        Signal::Kill if node.stormy && node.dice.chance(10) => return None,
        Signal::Kill => (Duration::from_millis(20), 137),
    };
    Some(Effect::After(after, NodeEvent::Exit { place, run, code }))
}

/// Does on the machine what an action says.
pub(super) fn perform(node: &mut Node, arn: &str, record: &Record, action: &Action) -> Outcome {
    let mut outcome = Outcome::default();
    let place = |name: &String| (arn.to_owned(), name.clone());
    let flaky = |name: &str| Nature::of(record.image(name)) == Nature::Flaky;
    match action {
        Action::Provision => {
            node.machine.sites.insert(arn.to_owned(), record.address());
            if node.stormy && node.dice.chance(2) {
                outcome.failure = Some("ResourceInitializationError: the storm".into());
            }
        }
        Action::PullImage(name) if Nature::of(record.image(name)) == Nature::Missing => {
            outcome.failure = Some("CannotPullContainerError: not found".into());
        }
        Action::PullImage(_) | Action::CheckHealth(_) => {}
        Action::CreateContainer(name) => {
            if flaky(name) && node.dice.chance(10) {
                outcome.failure = Some("CannotCreateContainerError: flaky".into());
            } else if node.machine.run_of(&place(name)).is_some() {
                outcome.effects.push(Effect::Broken(format!("{arn} {name}: created while it runs")));
            } else {
                node.machine.containers.insert(place(name), Process::Created);
            }
        }
        Action::StartContainer(name) => {
            let fails = flaky(name) && node.dice.chance(10);
            match node.machine.start(&place(name)).filter(|_| !fails) {
                Some(run) => outcome.effects.extend(end_of_run(node, record, place(name), run)),
                None => {
                    // A start that failed leaves no process.
                    node.machine.containers.entry(place(name)).and_modify(|it| *it = Process::Created);
                    outcome.failure = Some("CannotStartContainerError: no".into());
                }
            }
        }
        Action::DeleteContainer(name) => {
            if node.machine.run_of(&place(name)).is_some() {
                outcome.effects.push(Effect::Broken(format!("{arn} {name}: deleted while it runs")));
            }
            if node.planted != Some(Planted::LeavesContainers) {
                node.machine.containers.remove(&place(name));
            }
        }
        Action::Deprovision => {
            node.machine.sites.remove(arn);
        }
        Action::CancelPull(_) | Action::GiveUp { .. } | Action::Signal { .. } => {}
    }
    outcome
}

fn end_of_run(node: &mut Node, record: &Record, place: Place, run: u64) -> Option<Effect> {
    let (after, code) = Nature::of(record.image(&place.1)).end_of_run(&mut node.dice)?;
    Some(Effect::After(after, NodeEvent::Exit { place, run, code }))
}

/// Notes what came of an action; says whether the journal must know.
pub(super) fn note(record: &mut Record, action: &Action, outcome: &Outcome, now: Timestamp) -> bool {
    let failed = outcome.failure.clone();
    match (action, failed) {
        (Action::Provision, Some(reason)) => record.view.site = Site::Failed(reason),
        (Action::Provision, None) => record.view.site = Site::Ready,
        (Action::Deprovision, _) => record.view.site = Site::Removed,
        (Action::PullImage(name), Some(reason)) => {
            fail(record, name, Failure::Pull, reason);
            return false;
        }
        (Action::CreateContainer(name), Some(reason)) => fail(record, name, Failure::Create, reason),
        (Action::StartContainer(name), Some(reason)) => fail(record, name, Failure::Start, reason),
        (
            Action::PullImage(name)
            | Action::CreateContainer(name)
            | Action::StartContainer(name)
            | Action::DeleteContainer(name),
            _,
        ) => {
            let Some(container) = record.view.containers.get_mut(name) else { return false };
            let seen = &mut container.seen;
            match action {
                Action::PullImage(_) => seen.image_ready = true,
                Action::CreateContainer(_) => seen.stage = Stage::Created,
                Action::StartContainer(_) => seen.stage = Stage::Running { started_at: now },
                _ => seen.removed = true,
            }
            return matches!(action, Action::StartContainer(_) | Action::DeleteContainer(_));
        }
        (
            Action::CheckHealth(_) | Action::CancelPull(_) | Action::GiveUp { .. } | Action::Signal { .. },
            _,
        ) => {
            return false;
        }
    }
    true
}

fn fail(record: &mut Record, name: &str, failure: Failure, reason: String) {
    if let Some(container) = record.view.containers.get_mut(name) {
        container.seen.stage = Stage::Failed { failure, reason };
    }
}
