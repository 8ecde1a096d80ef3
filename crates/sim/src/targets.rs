//! The laws of load balancer targets: who is registered, who counts as healthy, and who drains before it ends. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::Timestamp;
use model::ecs::deployment::RolloutState;
use model::ecs::supervision;
use model::ecs::{ContainerStatus, DesiredStatus, LastStatus, Service, Task};
use model::elbv2::{Target, TargetState};
use tokio::time::Instant;

use crate::serving::owner;

/// A scheduler decides on what was known a moment before its commit: so long a state counts after it has changed.
const MOMENT: Duration = Duration::from_secs(5);

/// When the stored states of tasks' targets were last no obstacle, and last bad, in the world's time.
#[derive(Debug, Default)]
pub struct Sightings(BTreeMap<String, Sighting>);

#[derive(Debug, Default)]
struct Sighting {
    well: Option<Instant>,
    failing: Option<Instant>,
}

impl Sightings {
    /// Takes note of the states as they are stored now.
    pub fn note<'a>(&mut self, rows: &[&Target], tasks: impl Iterator<Item = &'a Task>) {
        let now = Instant::now();
        for task in tasks {
            let mut found = registered(task).filter_map(|entry| rows.iter().find(|row| is_same(entry, row)));
            let is_bad =
                |row: &&Target| row.seen.as_ref().is_some_and(|seen| seen.state == TargetState::Unhealthy);
            let sighting = self.0.entry(task.id.as_str().to_owned()).or_default();
            match found.any(is_bad) {
                true => sighting.failing = Some(now),
                false => sighting.well = Some(now),
            }
        }
    }

    /// Whether its target does not fail as of the last note.
    pub fn is_well(&self, task: &Task) -> bool {
        self.0.get(task.id.as_str()).is_some_and(|it| it.well == Some(Instant::now()))
    }

    /// Whether its target does not fail, or did not a moment ago.
    pub fn was_well(&self, task: &Task) -> bool {
        self.0.get(task.id.as_str()).is_some_and(|it| is_recent(it.well))
    }

    /// Whether its target fails, or did a moment ago.
    pub fn was_failing(&self, task: &Task) -> bool {
        self.0.get(task.id.as_str()).is_some_and(|it| is_recent(it.failing))
    }
}

fn is_recent(at: Option<Instant>) -> bool {
    at.is_some_and(|at| at.elapsed() <= MOMENT)
}

/// What the laws read beside tasks and services.
#[derive(Clone, Copy, Debug)]
pub struct Books<'a> {
    /// Every target that is stored.
    pub rows: &'a [&'a Target],
    /// The tasks, by ARN, whose target the balancer has found healthy: in its own words, not in the store's.
    pub proven: &'a BTreeSet<String>,
    /// The services that are behind a load balancer.
    pub balanced: &'a BTreeSet<String>,
    /// The latest time that the control plane's clock has told.
    pub latest: Timestamp,
}

impl Books<'_> {
    fn row(&self, entry: &supervision::Target) -> Option<&Target> {
        let same = |row: &&&Target| is_same(entry, row);
        self.rows.iter().find(same).copied()
    }

    fn is_balanced(&self, service: &str) -> bool {
        self.balanced.contains(service)
    }
}

fn is_same(entry: &supervision::Target, row: &Target) -> bool {
    entry.id == row.key.id
        && entry.port == row.key.port
        && entry.group == row.group.arn(&row.scope).to_string()
}

fn registered(task: &Task) -> impl Iterator<Item = &supervision::Target> {
    task.supervision.targets.iter().filter(|entry| !entry.is_deregistered)
}

/// What is broken between tasks and targets.
pub fn standing(books: &Books<'_>, tasks: &[&Task]) -> Vec<String> {
    let mut broken = Vec::new();
    for row in books.rows.iter().filter(|row| row.draining_until.is_none()) {
        let holds = |task: &&&Task| registered(task).any(|entry| is_same(entry, row));
        if !tasks.iter().any(|task| holds(&task)) {
            broken.push(format!("target {} is registered, and no task holds it", row.key.id));
        }
    }
    for task in tasks {
        let name = task.id.as_str();
        for entry in registered(task) {
            if books.row(entry).is_none_or(|row| row.draining_until.is_some()) {
                broken.push(format!("task {name}: its target {} is not registered", entry.id));
            }
            if task.supervision.is_settled {
                broken.push(format!("task {name}: it is settled, and its target is still registered"));
            }
        }
    }
    broken
}

/// What one change of a task breaks.
pub fn moved(books: &Books<'_>, arn: &str, old: &Task, new: &Task) -> Vec<&'static str> {
    let mut broken = Vec::new();
    let leaves = |entry: &&supervision::Target| {
        let mut before = registered(old);
        entry.is_deregistered && before.any(|it| it.id == entry.id && it.group == entry.group)
    };
    let drains =
        |entry: &supervision::Target| books.row(entry).is_some_and(|row| row.draining_until.is_some());
    if !new.supervision.targets.iter().filter(leaves).all(drains) {
        broken.push("a deregistered target drains");
    }
    // Who died by itself has nothing to drain; its report says which container ended.
    let lives = new.containers.iter().all(|it| it.seen.last_status == ContainerStatus::Running);
    let is_wished =
        old.desired_status == DesiredStatus::Running && new.desired_status == DesiredStatus::Stopped;
    if is_wished && lives && new.seen.last_status == LastStatus::Running && registered(new).next().is_some() {
        broken.push("a task with a registered target leaves it before it stops");
    }
    let is_released =
        old.seen.last_status <= LastStatus::Deactivating && new.seen.last_status == LastStatus::Stopping;
    let is_out = |entry: &supervision::Target| {
        let still = |row: &Target| row.draining_until.is_some_and(|until| until > books.latest);
        entry.is_deregistered && !books.row(entry).is_some_and(still)
    };
    if is_released && lives && !new.supervision.targets.iter().all(is_out) {
        broken.push("a target is drained before its containers are stopped");
    }
    let is_noted = old.supervision.healthy_at.is_none() && new.supervision.healthy_at.is_some();
    if is_noted && owner(new).is_some_and(|name| books.is_balanced(name)) && !books.proven.contains(arn) {
        broken.push("a task counts as healthy before its target is healthy");
    }
    broken
}

/// What the end of a service's deployment breaks: every task that it wants has been found healthy.
pub fn completed(
    books: &Books<'_>,
    old: Option<&Service>,
    new: &Service,
    tasks: &[(&str, &Task)],
) -> Option<String> {
    let name = new.name.as_str();
    let primary = new.primary();
    let was = old.filter(|old| old.primary().id == primary.id);
    let is_done = |service: &Service| service.primary().rollout_state == RolloutState::Completed;
    if !books.is_balanced(name) || !is_done(new) || was.is_some_and(is_done) {
        return None;
    }
    let id = primary.id.deployment();
    let own = tasks.iter().filter(|(_, task)| task.spec.started_by.as_ref() == Some(&id));
    let proven = own.filter(|(arn, _)| books.proven.contains(*arn)).count();
    let wanted = new.spec.desired_count as usize;
    (proven < wanted).then(|| {
        format!("service {name}: COMPLETED with {proven} tasks whose target was healthy, where {wanted} are wanted")
    })
}

/// What is left of targets long after the storm: entries of tasks that have ended, and drainings that are over.
pub fn left(rows: &[&Target], tasks: &[&Task], now: Timestamp) -> Vec<String> {
    let holds = |row: &Target| {
        let mut living = tasks.iter().filter(|task| !task.seen.last_status.is_ended());
        living.any(|task| registered(task).any(|entry| is_same(entry, row)))
    };
    let is_left = |row: &&&Target| match row.draining_until {
        Some(until) => until <= now,
        None => !holds(row),
    };
    rows.iter().filter(is_left).map(|row| format!("target {} is left in its group", row.key.id)).collect()
}
