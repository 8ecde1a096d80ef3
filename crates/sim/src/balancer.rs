//! A balancer without sockets: it looks at targets as the data plane does, and tells what it finds.
//!
//! A target answers while a container runs behind its address. In the storm a new one may take its time, one that
//! answers may fail for a while, and the balancer may not look at all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use wire::link::{Routes, RoutesReport, TargetReason, TargetReport, TargetState};

use crate::dice::Dice;
use crate::node::Node;

/// A target: its group's ARN, its id and its port.
pub type Name = (String, String, u16);

/// What is known of a target that is not draining.
#[derive(Clone, Debug)]
struct Watched {
    /// It is found healthy from here on, if it answers.
    from: Duration,
    /// It fails until then, even if it could answer.
    fails_until: Duration,
    /// What was found last.
    state: TargetState,
}

/// A balancer.
#[derive(Debug)]
pub struct Balancer {
    dice: Dice,
    watched: BTreeMap<Name, Watched>,
}

impl Balancer {
    /// A balancer that knows of no target yet.
    pub fn new(dice: Dice) -> Balancer {
        Balancer { dice, watched: BTreeMap::new() }
    }

    /// Looks at every target of `routes`; none when it is late. Beside the report stand the targets whose state is new.
    pub fn look(
        &mut self,
        routes: &Routes,
        nodes: &[Node],
        now: Duration,
        stormy: bool,
    ) -> Option<(RoutesReport, Vec<(Name, TargetState)>)> {
        if stormy && self.dice.chance(20) {
            return None;
        }
        let answering: BTreeSet<&str> = nodes.iter().flat_map(|node| node.machine.answering()).collect();
        let mut report = RoutesReport { serial: routes.serial, ..RoutesReport::default() };
        let (mut watched, mut news) = (BTreeMap::new(), Vec::new());
        for (group, target) in
            routes.target_groups.iter().flat_map(|group| group.targets.iter().map(move |it| (group, it)))
        {
            let name = (group.arn.clone(), target.id.clone(), target.port);
            if target.draining {
                report.targets.push(told(&name, TargetState::Draining));
                continue;
            }
            let known = self.watched.remove(&name);
            let mut it = known.clone().unwrap_or_else(|| self.first_sight(now, stormy));
            if stormy && self.dice.chance(2) {
                it.fails_until = now + self.dice.millis(1_000, 40_000);
            }
            let fails = stormy && now < it.fails_until;
            it.state = match answering.contains(target.id.as_str()) && !fails {
                false => TargetState::Unhealthy,
                true if now < it.from => TargetState::Initial,
                true => TargetState::Healthy,
            };
            if known.is_none_or(|known| known.state != it.state) {
                news.push((name.clone(), it.state));
            }
            report.targets.push(told(&name, it.state));
            watched.insert(name, it);
        }
        // One that is gone or drains is looked at anew when it comes back.
        self.watched = watched;
        Some((report, news))
    }

    fn first_sight(&mut self, now: Duration, stormy: bool) -> Watched {
        let wait = match stormy {
            true if self.dice.chance(20) => self.dice.millis(10_000, 60_000),
            true => self.dice.millis(0, 10_000),
            false => Duration::ZERO,
        };
        Watched { from: now + wait, fails_until: Duration::ZERO, state: TargetState::Initial }
    }
}

fn told((group, id, port): &Name, state: TargetState) -> TargetReport {
    TargetReport {
        target_group: group.clone(),
        id: id.clone(),
        port: *port,
        state,
        reason: match state {
            TargetState::Initial => Some(TargetReason::InitialHealthChecking),
            TargetState::Unhealthy => Some(TargetReason::Timeout),
            TargetState::Draining => Some(TargetReason::DeregistrationInProgress),
            TargetState::Healthy => None,
        },
        description: None,
        in_flight: 0,
    }
}
