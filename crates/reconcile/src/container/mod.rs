//! The node's half of a task: what its containers need next.
//!
//! [`decide`] compares what is wanted of one task with what its node has seen and answers
//! what to do, when to look again, and what to report. The semantics are the Amazon ECS
//! agent's: a dependency graph at the start, the same graph backwards at the stop, essential
//! containers, restarts in place, health. The runner that gathers the view and does the
//! actions is `agent::task`; the control plane's half is [`crate::task`].
//!
//! The runner's part of the bargain: every action of a plan is put into [`View::busy`] until it
//! has ended and its outcome is in the view ([`Action::Signal`] and [`Action::GiveUp`] end at
//! once); [`Report::stop`] is kept in [`View::stop`] and [`Report::status`] in [`View::status`].

mod health;
mod plan;
mod report;
mod start;
mod stop;
mod view;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod simulated;

use model::Timestamp;

pub use health::{CheckOutcome, observe};
pub use plan::{Action, ContainerReport, Event, Plan, Report, Signal};
pub use view::{
    Condition, Container, Dependency, Exit, Failure, Health, HealthCheck, RestartPolicy, Seen, Site, Stage,
    Stop, View, Wanted,
};

/// What a task needs now.
pub fn decide(view: &View, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let stop = view.stop.clone().or_else(|| report::cause(view));
    if stop.is_some() {
        stop::decide(view, now, &mut plan);
    } else {
        start::decide(view, now, &mut plan);
        health::decide(view, now, &mut plan);
    }
    plan.actions.retain(|action| !view.busy.contains(action));
    plan.waits_for.extend(view.busy.iter().cloned().map(Event::Done));
    plan.report = report::render(view, stop);
    plan
}
