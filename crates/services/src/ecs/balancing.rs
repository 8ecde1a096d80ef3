//! Services behind load balancers: which target a task is, what is known of it, and its way in and out.
//!
//! A task of an `awsvpc` definition is the target of its own address; one of a container instance is the target
//! of its instance and the port that its container got there.

use std::net::{IpAddr, Ipv4Addr};

use model::ecs::service_revision::{RevisionSpec, ServiceLoadBalancer};
use model::ecs::supervision::Target;
use model::ecs::task_definition::{NetworkMode, TaskDefinition};
use model::ecs::{LastStatus, Task};
use model::elbv2::{TargetKey, TargetState as Stands, TargetType};
use model::{Scope, Timestamp};
use reconcile::service::{TargetState, TargetView, TaskAction};
use store::{Snapshot, Txn, key};

use super::error::Error;
use super::shifting;
use super::store::ContainerInstanceRow;
use crate::elbv2::door::{self, NewTarget};
use crate::elbv2::notice;

/// Checks that the tasks of a revision can join its target groups.
pub(super) fn check(
    snapshot: &Snapshot,
    scope: &Scope,
    revision: &RevisionSpec,
    definition: &TaskDefinition,
) -> Result<(), Error> {
    let mode = definition.spec.effective_network_mode();
    let pairs = revision.load_balancers.iter().flat_map(|it| it.groups().map(move |arn| (it, arn)));
    for (balancer, arn) in pairs {
        let group = door::target_group(snapshot, scope, arn)
            .map_err(|error| Error::InvalidParameter(error.to_string()))?;
        // A rule whose traffic is shifted forwards to both of its groups from the first deployment on.
        if group.load_balancer.is_none() && balancer.shift.is_none() {
            return Err(Error::InvalidParameter(format!(
                "The target group with targetGroupArn {arn} does not have an associated load balancer."
            )));
        }
        let (wanted, word) = match mode {
            NetworkMode::Awsvpc => (TargetType::Ip, "awsvpc"),
            NetworkMode::Bridge => (TargetType::Instance, "bridge"),
            NetworkMode::Host => (TargetType::Instance, "host"),
            NetworkMode::None => {
                return Err(Error::InvalidParameter(
                    "Load balancers need a network mode other than none.".into(),
                ));
            }
        };
        if group.target_type != wanted {
            return Err(Error::InvalidParameter(format!(
                "The provided target group {arn} has target type {}, which is incompatible with the {word} network mode \
                 specified in the task definition.",
                group.target_type
            )));
        }
    }
    shifting::check(snapshot, scope, revision)
}

/// The target that a task is in `group` behind `balancer`, and what is known of it. None for a group that is gone and
/// that the task never joined: nothing can be waited for there.
pub(super) fn target(
    snapshot: &Snapshot,
    task: &Task,
    (balancer, group): (&ServiceLoadBalancer, &str),
    now: Timestamp,
) -> Option<TargetView> {
    let group = group.to_owned();
    let joined = task.supervision.targets.iter().find(|target| target.group == group);
    if let Some(Target { id, port, .. }) = joined {
        let target = TargetKey { id: id.clone(), port: *port };
        let state = state(snapshot, &task.scope, &group, &target, now);
        return Some(TargetView { group, id: id.clone(), port: *port, state });
    }
    door::target_group(snapshot, &task.scope, &group).ok()?;
    let (id, port) = place(snapshot, task, balancer).unwrap_or_default();
    Some(TargetView { group, id, port, state: TargetState::Absent })
}

fn state(snapshot: &Snapshot, scope: &Scope, group: &str, target: &TargetKey, now: Timestamp) -> TargetState {
    let Ok(health) = door::target_health(snapshot, scope, group, target, now) else {
        return TargetState::Unused;
    };
    match health.state {
        Stands::Initial => TargetState::Initial,
        // Where nobody looks, nobody finds fault.
        Stands::Healthy | Stands::Unavailable => TargetState::Healthy,
        Stands::Unhealthy => TargetState::Unhealthy(health.description.unwrap_or_default()),
        Stands::Draining => TargetState::Draining(notice::drains_until(snapshot, scope, group, target)),
        Stands::Unused => TargetState::Unused,
    }
}

/// The name and the port under which a running task is registered.
fn place(snapshot: &Snapshot, task: &Task, balancer: &ServiceLoadBalancer) -> Option<(String, u16)> {
    if task.seen.last_status < LastStatus::Running {
        return None;
    }
    let container = task.containers.iter().find(|it| it.name.as_str() == balancer.container_name)?;
    match task.spec.network_mode {
        NetworkMode::Awsvpc => {
            let details = task.attachments.iter().flat_map(|attachment| &attachment.details);
            let mut addresses = details.filter(|detail| detail.name == "privateIPv4Address");
            addresses.next().map(|detail| (detail.value.clone(), balancer.container_port))
        }
        NetworkMode::Bridge | NetworkMode::Host => {
            let instance = task.container_instance.as_ref()?;
            let row = snapshot.get::<ContainerInstanceRow>(&key![
                task.scope,
                task.cluster.as_str(),
                instance.as_str()
            ])?;
            let bindings = container.seen.network_bindings.iter();
            let mut ports = bindings.filter(|it| it.container_port == Some(balancer.container_port));
            let port = ports.next().and_then(|binding| binding.host_port);
            let port = match task.spec.network_mode {
                NetworkMode::Host => port.or(Some(balancer.container_port)),
                NetworkMode::Awsvpc | NetworkMode::Bridge | NetworkMode::None => port,
            };
            Some((row.ec2_instance_id.clone(), port?))
        }
        NetworkMode::None => None,
    }
}

/// What an action of the scheduler means to the target group, in the same transaction.
pub(super) fn follow(
    snapshot: &Snapshot,
    txn: Txn,
    task: &Task,
    action: &TaskAction,
    now: Timestamp,
) -> Result<Txn, Error> {
    let done = match action {
        TaskAction::Register(target) => {
            // The machine behind every container instance is the one that the balancer runs on.
            let address = target.id.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
            let new = NewTarget { key: key_of(target), address, availability_zone: None };
            door::register_targets(snapshot, txn, &task.scope, &target.group, &[new], now)
        }
        TaskAction::Deregister(target) => {
            if door::target_group(snapshot, &task.scope, &target.group).is_err() {
                return Ok(txn);
            }
            door::deregister_targets(snapshot, txn, &task.scope, &target.group, &[key_of(target)], now)
        }
        TaskAction::NoteHealthy
        | TaskAction::CountFailure
        | TaskAction::Settle
        | TaskAction::Stop { .. }
        | TaskAction::Release => {
            return Ok(txn);
        }
    };
    done.map_err(|error| Error::Client(error.to_string()))
}

fn key_of(target: &Target) -> TargetKey {
    TargetKey { id: target.id.clone(), port: target.port }
}
