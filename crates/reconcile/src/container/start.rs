//! The way up: images and the shared site at once, containers in the order of their dependencies.

use model::Timestamp;
use model::ecs::status::HealthStatus;

use super::plan::{Action, Event, Plan};
use super::view::{Condition, Container, Dependency, Site, Stage, View};

/// Whether a container may start.
enum Gate {
    /// All dependencies are met.
    Open,
    /// Some are not met yet; a timeout ends the waiting.
    Closed(Option<Timestamp>),
    /// One can never be met, for this reason.
    Never(String),
}

/// Plans what a task that should run needs.
pub(super) fn decide(view: &View, now: Timestamp, plan: &mut Plan) {
    plan.waits_for.insert(Event::StopRequest);
    if matches!(view.site, Site::Absent | Site::Begun) {
        plan.actions.push(Action::Provision);
    }
    for (name, container) in &view.containers {
        match &container.seen.stage {
            Stage::Waiting => create(view, name, container, plan),
            Stage::Created => start(view, name, container, now, plan),
            Stage::Running { .. } => {
                plan.waits_for.insert(Event::Exit(name.clone()));
            }
            Stage::Exited(exit) if container.restarts_after(exit) => {
                plan.actions.push(Action::StartContainer(name.clone()));
            }
            Stage::Exited(_) | Stage::Failed { .. } => {}
        }
    }
}

/// Images are fetched for all containers at once: the last to start waits for nobody's download.
fn create(view: &View, name: &str, container: &Container, plan: &mut Plan) {
    if !container.seen.image_ready {
        plan.actions.push(Action::PullImage(name.to_string()));
        return;
    }
    if let Some(reason) = never_creatable(view, name, container) {
        plan.actions.push(Action::GiveUp { container: name.to_string(), reason });
        return;
    }
    let sources = container.wanted.depends_on.iter().filter(|d| d.condition == Condition::Create);
    let sources_ready = sources.filter_map(|d| view.containers.get(&d.container)).all(is_created);
    if view.site == Site::Ready && sources_ready {
        plan.actions.push(Action::CreateContainer(name.to_string()));
    }
}

fn is_created(container: &Container) -> bool {
    !matches!(container.seen.stage, Stage::Waiting | Stage::Failed { .. })
}

/// The reason, when a container whose volumes are wanted can never be there.
fn never_creatable(view: &View, name: &str, container: &Container) -> Option<String> {
    let mut sources = container.wanted.depends_on.iter().filter(|d| d.condition == Condition::Create);
    sources.find_map(|dependency| match view.containers.get(&dependency.container) {
        Some(source) if !matches!(source.seen.stage, Stage::Failed { .. }) => None,
        Some(_) => Some(unresolved(dependency, name)),
        None => Some(missing(dependency, name)),
    })
}

fn start(view: &View, name: &str, container: &Container, now: Timestamp, plan: &mut Plan) {
    let gates = container.wanted.depends_on.iter().map(|dependency| gate(view, name, dependency, now));
    let mut open = true;
    for gate in gates {
        match gate {
            Gate::Open => {}
            Gate::Closed(timeout_at) => {
                open = false;
                timeout_at.into_iter().for_each(|at| plan.wake(at));
            }
            Gate::Never(reason) => {
                plan.actions.push(Action::GiveUp { container: name.to_string(), reason });
                return;
            }
        }
    }
    if open {
        plan.actions.push(Action::StartContainer(name.to_string()));
    }
}

fn gate(view: &View, target: &str, dependency: &Dependency, now: Timestamp) -> Gate {
    let Some(other) = view.containers.get(&dependency.container) else {
        return Gate::Never(missing(dependency, target));
    };
    if is_met(other, dependency.condition) {
        return Gate::Open;
    }
    if let (Condition::Success, Stage::Exited(_), true) =
        (dependency.condition, &other.seen.stage, other.is_over())
    {
        return Gate::Never(format!(
            "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [{}] for \
             target [{target}] as dependency did not exit successfully.",
            dependency.container
        ));
    }
    if other.is_over() {
        return Gate::Never(unresolved(dependency, target));
    }
    match timeout_at(other, dependency.condition) {
        Some(at) if at <= now => Gate::Never(format!(
            "CannotStartContainerError: dependency graph: container ordering dependency [{}] for target [{target}] has \
             timed out.",
            dependency.container
        )),
        at => Gate::Closed(at),
    }
}

fn is_met(other: &Container, condition: Condition) -> bool {
    match condition {
        Condition::Create => is_created(other),
        Condition::Start => other.has_started(),
        Condition::Complete => matches!(other.seen.stage, Stage::Exited(_)) && other.is_over(),
        Condition::Success => {
            matches!(&other.seen.stage, Stage::Exited(exit) if exit.code == Some(0)) && other.is_over()
        }
        Condition::Healthy => other.is_running() && other.seen.health.status == HealthStatus::Healthy,
    }
}

/// When others stop waiting. As in the Amazon ECS agent, the timeout is the dependency's own and runs from its start.
fn timeout_at(other: &Container, condition: Condition) -> Option<Timestamp> {
    match (condition, &other.seen.stage) {
        (Condition::Complete | Condition::Success | Condition::Healthy, Stage::Running { started_at }) => {
            other.wanted.start_timeout.map(|timeout| *started_at + timeout)
        }
        _ => None,
    }
}

fn missing(dependency: &Dependency, target: &str) -> String {
    format!(
        "CannotStartContainerError: dependency graph: container ordering dependency [{}] for target [{target}] does not \
         exist.",
        dependency.container
    )
}

fn unresolved(dependency: &Dependency, target: &str) -> String {
    format!(
        "CannotStartContainerError: dependency graph: failed to resolve the container ordering dependency [{}] for \
         target [{target}]",
        dependency.container
    )
}
