//! The events that users read, in ECS's words, and which of them are held back.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::time::Duration;

use model::Timestamp;
use model::ecs::service::EventCause;
use model::ecs::{RevisionId, Service, TaskId};

use super::view::TargetView;
use super::zones::Zones;

/// How many events of a service are kept.
pub const KEPT: u64 = 100;

/// How long the repetition of a cause is held back.
pub const HELD_BACK: Duration = Duration::from_secs(6 * 60 * 60);

const MORE: &str = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";

/// `(service web) has started 2 tasks: (task a) (task b).`
pub fn started(service: &Service, tasks: &[TaskId]) -> String {
    format!("(service {}) has started {} tasks: {}.", service.name, tasks.len(), list(tasks))
}

/// The same, when some of them replace tasks that are not healthy.
pub fn replaced(service: &Service, tasks: &[TaskId], unhealthy: usize) -> String {
    format!("{} Amazon ECS replaced {unhealthy} tasks due to an unhealthy status.", started(service, tasks))
}

/// `(service web) has started 1 tasks in us-east-2a to AZ Rebalance: (task a).`
pub fn moved_in(service: &Service, zone: &str, tasks: &[TaskId]) -> String {
    let (name, count) = (&service.name, tasks.len());
    format!("(service {name}) has started {count} tasks in {zone} to AZ Rebalance: {}.", list(tasks))
}

/// `(service web) has stopped 1 running tasks in us-east-2b due to AZ rebalancing: (task a).`
pub(super) fn moved_out(service: &Service, zone: &str, tasks: &[TaskId]) -> String {
    let (name, count) = (&service.name, tasks.len());
    let tasks = list(tasks);
    format!("(service {name}) has stopped {count} running tasks in {zone} due to AZ rebalancing: {tasks}.")
}

/// `(service web) stopped 2 pending tasks.`
pub(super) fn stopped_pending(service: &Service, count: usize) -> String {
    format!("(service {}) stopped {count} pending tasks.", service.name)
}

/// `(service web) has stopped 2 running tasks: (task a) (task b).`
pub fn stopped(service: &Service, tasks: &[TaskId]) -> String {
    format!("(service {}) has stopped {} running tasks: {}.", service.name, tasks.len(), list(tasks))
}

fn list(tasks: &[TaskId]) -> String {
    let all: Vec<_> = tasks.iter().map(|task| format!("(task {task})")).collect();
    all.join(" ")
}

/// Everything is as it should be.
pub(crate) fn steady(service: &Service) -> String {
    format!("(service {}) has reached a steady state.", service.name)
}

/// A task set is as it should be.
pub(crate) fn set_steady(service: &Service, set: &RevisionId) -> String {
    format!("(service {}, taskSet {}) has reached a steady state.", service.name, set.deployment())
}

/// A deployment is done.
pub(crate) fn completed(service: &Service, deployment: &RevisionId) -> String {
    format!("(service {}) (deployment {}) deployment completed.", service.name, deployment.deployment())
}

/// A deployment was given up.
pub(crate) fn failed(service: &Service, deployment: &RevisionId) -> String {
    let deployment = deployment.deployment();
    format!("(service {}) (deployment {deployment}) deployment failed: tasks failed to start.", service.name)
}

/// The last completed one comes back.
pub(crate) fn rolling_back(service: &Service, to: &RevisionId) -> String {
    format!("(service {}) rolling back to deployment {}.", service.name, to.deployment())
}

/// Zones differ by more than one task.
pub(super) fn unbalanced(service: &Service, zones: &Zones) -> String {
    format!(
        "(service {}) is not AZ balanced with {}. AZ Rebalancing in progress.",
        service.name,
        by_zone(zones)
    )
}

/// They do not any more.
pub(super) fn balanced(service: &Service, zones: &Zones) -> String {
    format!("(service {}) is AZ balanced with {}.", service.name, by_zone(zones))
}

/// `2 tasks in a, 1 tasks in b, 1 tasks in c`: the fullest first, as ECS writes it and not as its guide does.
fn by_zone(zones: &Zones) -> String {
    let mut zones: Vec<(&String, &usize)> = zones.iter().collect();
    zones.sort_by_key(|(zone, count)| (Reverse(*count), *zone));
    let each: Vec<String> = zones.iter().map(|(zone, count)| format!("{count} tasks in {zone}")).collect();
    each.join(", ")
}

/// Tasks joined a target group.
pub(crate) fn registered(service: &Service, count: usize, group: &str) -> String {
    format!("(service {}) registered {count} targets in (target-group {group})", service.name)
}

/// Tasks left a target group.
pub(crate) fn deregistered(service: &Service, count: usize, group: &str) -> String {
    format!("(service {}) deregistered {count} targets in (target-group {group})", service.name)
}

/// Tasks of a deployment get no new connections.
pub(crate) fn draining(service: &Service, deployment: &RevisionId, count: usize) -> String {
    let deployment = deployment.deployment();
    format!(
        "(service {}, taskSet {deployment}) has begun draining connections on {count} tasks.",
        service.name
    )
}

/// A load balancer finds a task unhealthy; an instance's target is named by its instance.
pub(crate) fn unhealthy(service: &Service, task: &TaskId, target: &TargetView, reason: &str) -> String {
    let TargetView { group, id, port, .. } = target;
    let subject = match id.parse::<IpAddr>() {
        Ok(_) => format!("(task {task})"),
        Err(_) => format!("(instance {id})"),
    };
    format!(
        "(service {}) {subject} (port {port}) is unhealthy in (target-group {group}) due to (reason {reason}).",
        service.name
    )
}

/// The checks of a task's containers fail.
pub(super) fn failed_checks(service: &Service, task: &TaskId) -> String {
    format!("(service {}) (task {task}) failed container health checks.", service.name)
}

/// Protected tasks are more than wanted.
pub(super) fn protected(service: &Service, deployment: &RevisionId, count: usize) -> String {
    let deployment = deployment.deployment();
    format!(
        "(service {}) was unable to reach steady state because (taskSet {deployment}) was unable to scale in due to \
         (reason {count} tasks under protection)",
        service.name
    )
}

/// Tasks end before they run.
pub(crate) fn cannot_start(service: &Service) -> String {
    format!("(service {}) is unable to consistently start tasks successfully. {MORE}", service.name)
}

/// Neither a start nor a stop is allowed.
pub(crate) fn cannot_deploy(service: &Service) -> String {
    format!(
        "(service {}) was unable to stop or start tasks during a deployment because of the service deployment \
         configuration. Update the minimumHealthyPercent or maximumPercent value and try again.",
        service.name
    )
}

/// A task cannot be made.
pub(crate) fn cannot_launch(service: &Service, error: &str) -> String {
    format!("(service {}) failed to launch a task with (error {error}.).", service.name)
}

/// There is no place for a task.
pub(crate) fn cannot_place(service: &Service, is_fargate: bool, reason: &str) -> String {
    let name = &service.name;
    if is_fargate {
        return format!("(service {name}) was unable to place a task. Reason: {reason}. {MORE}");
    }
    format!(
        "(service {name}) was unable to place a task because no container instance met all of its requirements. \
         Reason: {reason}. {MORE}"
    )
}

/// Whether an event of this cause may be told now; if so, notes that it was.
pub(crate) fn may_tell(service: &mut Service, cause: EventCause, now: Timestamp) -> bool {
    let told = service.seen.told.get(&cause).copied();
    let may = told.is_none_or(|at| at + HELD_BACK <= now);
    if may {
        service.seen.told.insert(cause, now);
    }
    may
}
