//! The way down: signals against the order of dependencies, then removal, then the shared site.

use std::time::Duration;

use model::Timestamp;

use super::plan::{Action, Event, Plan, Signal};
use super::view::{Container, Site, View};

/// A killed process that is still there is killed again after this time: the first kill may have been lost
/// with a restarting containerd.
const KILL_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// A stop timeout of nothing still lets SIGTERM go out before SIGKILL, as docker does.
const TERM_FIRST: Duration = Duration::from_millis(1);

/// Plans what a task that should stop needs.
pub(super) fn decide(view: &View, now: Timestamp, plan: &mut Plan) {
    for action in &view.busy {
        if let Action::PullImage(name) = action {
            plan.actions.push(Action::CancelPull(name.clone()));
        }
    }
    for (name, container) in &view.containers {
        if container.is_running() {
            plan.waits_for.insert(Event::Exit(name.clone()));
            if !is_needed(view, name) {
                end(name, container, now, plan);
            }
        }
    }
    if is_quiet(view) {
        remove(view, plan);
    }
}

/// Whether another container that depends on this one still runs, or may be about to.
fn is_needed(view: &View, name: &str) -> bool {
    view.containers.iter().any(|(other_name, other)| {
        let depends = other.wanted.depends_on.iter().any(|dependency| dependency.container == name);
        depends && (other.is_running() || view.busy.contains(&Action::StartContainer(other_name.clone())))
    })
}

fn end(name: &str, container: &Container, now: Timestamp, plan: &mut Plan) {
    let container_name = || name.to_string();
    let Some(term_sent_at) = container.seen.term_sent_at else {
        plan.actions.push(Action::Signal { container: container_name(), signal: Signal::Term });
        return;
    };
    let kill_at = match container.seen.kill_sent_at {
        None => term_sent_at + container.wanted.stop_timeout.max(TERM_FIRST),
        Some(kill_sent_at) => kill_sent_at + KILL_AGAIN_AFTER,
    };
    if kill_at <= now {
        plan.actions.push(Action::Signal { container: container_name(), signal: Signal::Kill });
    } else {
        plan.wake(kill_at);
    }
}

/// Whether no process runs and nothing that could start one, or that needs the site, is under way.
pub(super) fn is_quiet(view: &View) -> bool {
    let alive = view.containers.values().any(Container::is_running);
    let working = view.busy.iter().any(|action| match action {
        Action::Provision
        | Action::CreateContainer(_)
        | Action::StartContainer(_)
        | Action::CheckHealth(_) => true,
        Action::PullImage(_)
        | Action::CancelPull(_)
        | Action::GiveUp { .. }
        | Action::Signal { .. }
        | Action::DeleteContainer(_)
        | Action::Deprovision => false,
    });
    !alive && !working
}

fn remove(view: &View, plan: &mut Plan) {
    let left = view.containers.iter().filter(|(_, container)| container.needs_removal());
    let deletions: Vec<_> = left.map(|(name, _)| Action::DeleteContainer(name.clone())).collect();
    if deletions.is_empty() {
        if matches!(view.site, Site::Begun | Site::Ready | Site::Failed(_)) {
            plan.actions.push(Action::Deprovision);
        }
    } else {
        plan.actions.extend(deletions);
    }
}

/// Whether nothing of the task is left on the node.
pub(super) fn is_gone(view: &View) -> bool {
    let site_gone = matches!(view.site, Site::Absent | Site::Removed);
    let containers_gone = !view.containers.values().any(Container::needs_removal);
    let pulls = view.busy.iter().any(|action| matches!(action, Action::PullImage(_)));
    is_quiet(view) && site_gone && containers_gone && !pulls
}
