//! The control plane's half of a task: what a node's report changes in the record.
//!
//! Reports may come twice, late or out of order, so a report never takes a status back
//! and never erases what an earlier one told. A report that changes nothing gives `None`
//! and costs no commit. The node's half of the decisions is in [`crate::container`].

use model::Timestamp;
use model::ecs::container_definition::KeyValuePair;
use model::ecs::status::{Connectivity, HealthStatus, StopCode};
use model::ecs::task::{Attachment, AttachmentStatus};
use model::ecs::task_container::{ContainerSeen, NetworkBinding, NetworkInterface, TaskContainer};
use model::ecs::{ContainerStatus, DesiredStatus, LastStatus, Task};

/// What a node says of one task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Where the task is in its life, if the report says so.
    pub status: Option<LastStatus>,
    /// Why it ends.
    pub stop_code: Option<StopCode>,
    /// Why it ends, in words.
    pub reason: Option<String>,
    /// When the image pulls began.
    pub pull_started_at: Option<Timestamp>,
    /// When the image pulls ended.
    pub pull_stopped_at: Option<Timestamp>,
    /// When the task stopped doing its work.
    pub execution_stopped_at: Option<Timestamp>,
    /// Its containers.
    pub containers: Vec<ContainerReport>,
}

/// What a node says of one container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerReport {
    /// The container's name.
    pub name: String,
    /// Where it is in its life.
    pub status: Option<ContainerStatus>,
    /// The runtime's id.
    pub runtime_id: Option<String>,
    /// The image's digest.
    pub image_digest: Option<String>,
    /// The process's exit code.
    pub exit_code: Option<i32>,
    /// Why it failed.
    pub reason: Option<String>,
    /// The result of its health checks.
    pub health_status: Option<HealthStatus>,
    /// Published ports.
    pub network_bindings: Vec<NetworkBinding>,
}

/// The task as the report leaves it; `None` when it tells nothing new.
pub fn apply(task: &Task, report: &Report, now: Timestamp) -> Option<Task> {
    if task.seen.last_status.is_ended() {
        return None;
    }
    let mut next = task.clone();
    merge_times(&mut next, report);
    for told in &report.containers {
        if let Some(container) = next.containers.iter_mut().find(|c| c.name.as_str() == told.name) {
            merge_container(container, told, now);
        }
    }
    if let Some(status) = report.status {
        merge_status(&mut next, status, report, now);
    }
    if next == *task {
        return None;
    }
    next.version = task.version + 1;
    Some(next)
}

fn merge_times(task: &mut Task, report: &Report) {
    let seen = &mut task.seen;
    seen.pull_started_at = seen.pull_started_at.or(report.pull_started_at);
    seen.pull_stopped_at = seen.pull_stopped_at.or(report.pull_stopped_at);
    // The start is our clock's, the end is the node's: a short life must not end before it began.
    let ended = report.execution_stopped_at.map(|at| seen.started_at.map_or(at, |started| at.max(started)));
    seen.execution_stopped_at = seen.execution_stopped_at.or(ended);
}

fn merge_container(container: &mut TaskContainer, told: &ContainerReport, now: Timestamp) {
    let ContainerSeen { last_status, image_digest, runtime_id, exit_code, reason, .. } = &mut container.seen;
    if let Some(status) = told.status {
        *last_status = (*last_status).max(status);
    }
    keep_or_set(image_digest, &told.image_digest);
    keep_or_set(runtime_id, &told.runtime_id);
    keep_or_set(exit_code, &told.exit_code);
    keep_or_set(reason, &told.reason);
    // Health goes both ways, and a restarted container may get other ports.
    if told.health_status.is_some() {
        container.seen.health_status = told.health_status;
    }
    if !told.network_bindings.is_empty() {
        container.seen.network_bindings.clone_from(&told.network_bindings);
    }
    move_agents(&mut container.seen, now);
}

/// The agent that serves ECS Exec is a part of the node: it runs while the container does.
fn move_agents(seen: &mut ContainerSeen, now: Timestamp) {
    for agent in &mut seen.managed_agents {
        if agent.last_status < seen.last_status {
            agent.last_status = seen.last_status;
            if agent.last_status == ContainerStatus::Running {
                agent.last_started_at = Some(now);
            }
        }
    }
}

fn keep_or_set<T: Clone>(kept: &mut Option<T>, told: &Option<T>) {
    if told.is_some() {
        kept.clone_from(told);
    }
}

fn merge_status(task: &mut Task, status: LastStatus, report: &Report, now: Timestamp) {
    let before = task.seen.last_status;
    let status = before.max(status);
    task.seen.last_status = status;
    if before < LastStatus::Pending && status >= LastStatus::Pending {
        task.seen.connectivity = Some(Connectivity::Connected);
        task.seen.connectivity_at = task.seen.connectivity_at.or(Some(now));
        move_attachments(task, AttachmentStatus::Attached);
    }
    // A task that failed to start never ran: it goes past RUNNING without a start time.
    if status == LastStatus::Running {
        task.seen.started_at = task.seen.started_at.or(Some(now));
    }
    if status > LastStatus::Running {
        // The user's own reason stays: the node only echoes the stop it was told.
        if task.desired_status == DesiredStatus::Running {
            task.desired_status = DesiredStatus::Stopped;
            task.seen.stop_code = report.stop_code;
            task.seen.stopped_reason.clone_from(&report.reason);
        }
        task.seen.stopping_at = task.seen.stopping_at.or(Some(now));
    }
    if status.is_ended() {
        end(task, now);
    }
}

/// Nothing of the task is left on its node.
fn end(task: &mut Task, now: Timestamp) {
    task.seen.stopped_at = Some(now);
    task.seen.execution_stopped_at = task.seen.execution_stopped_at.or(Some(now));
    move_attachments(task, AttachmentStatus::Deleted);
    for container in &mut task.containers {
        container.seen.last_status = ContainerStatus::Stopped;
        move_agents(&mut container.seen, now);
        container.seen.health_status = container.seen.health_status.map(|_| HealthStatus::Unknown);
    }
}

fn move_attachments(task: &mut Task, to: AttachmentStatus) {
    for attachment in &mut task.attachments {
        attachment.status = attachment.status.max(to);
    }
    let Some(Attachment { id, details, .. }) = task.attachments.first() else { return };
    let address = detail(details, "privateIPv4Address");
    let interface =
        NetworkInterface { attachment_id: id.clone(), private_ipv4_address: address, ipv6_address: None };
    for container in &mut task.containers {
        container.seen.network_interfaces = vec![interface.clone()];
    }
}

fn detail(details: &[KeyValuePair], name: &str) -> Option<String> {
    details.iter().find(|pair| pair.name == name).map(|pair| pair.value.clone())
}

/// The task as it is when its node is lost for good: ended, with the reason that ECS gives.
pub fn lose(task: &Task, now: Timestamp) -> Option<Task> {
    let report = Report {
        status: Some(LastStatus::Stopped),
        stop_code: Some(StopCode::InfrastructureHealth),
        reason: Some("The node that ran the task is gone.".into()),
        ..Report::default()
    };
    apply(task, &report, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ecs::TextEnum;
    use model::ecs::name::{ClusterName, ContainerName, Family, TaskDefinitionId, TaskId};
    use model::ecs::task::{LaunchType, TaskSeen, TaskSpec};
    use model::ecs::task_definition::NetworkMode;
    use model::{AccountId, Region, Scope};
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn task() -> Task {
        let container = TaskContainer {
            id: "6f1c".into(),
            name: ContainerName::new("web").unwrap(),
            image: "web:1".into(),
            essential: true,
            has_health_check: false,
            cpu: 0,
            memory: None,
            memory_reservation: None,
            seen: ContainerSeen::default(),
        };
        let address = KeyValuePair { name: "privateIPv4Address".into(), value: "10.64.0.9".into() };
        Task {
            scope: Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap()),
            cluster: ClusterName::new("demo").unwrap(),
            id: TaskId::new("0123456789abcdef0123456789abcdef").unwrap(),
            spec: TaskSpec {
                definition: TaskDefinitionId { family: Family::new("web").unwrap(), revision: 1 },
                network_mode: NetworkMode::Awsvpc,
                launch_type: LaunchType::Fargate,
                capacity_provider: None,
                platform_version: None,
                platform_family: None,
                cpu_architecture: None,
                cpu: Some(256),
                memory: Some(512),
                ephemeral_storage: None,
                overrides: Default::default(),
                network: None,
                group: None,
                started_by: None,
                service: None,
                host_ports: Vec::new(),
                enable_execute_command: false,
                connects: false,
                client_token: None,
            },
            desired_status: DesiredStatus::Running,
            node: None,
            container_instance: None,
            seen: TaskSeen::new(NOW, LastStatus::Provisioning),
            containers: vec![container],
            attachments: vec![Attachment {
                id: "a".into(),
                kind: "ElasticNetworkInterface".into(),
                status: AttachmentStatus::Precreated,
                details: vec![address],
            }],
            tags: Default::default(),
            supervision: Default::default(),
            version: 1,
        }
    }

    fn status(status: LastStatus) -> Report {
        Report { status: Some(status), ..Report::default() }
    }

    #[test]
    fn a_running_task_has_its_times_and_its_address() {
        let pending = apply(&task(), &status(LastStatus::Pending), NOW).unwrap();
        assert_eq!(pending.attachments[0].status, AttachmentStatus::Attached);
        let seen = &pending.containers[0].seen;
        assert_eq!(seen.network_interfaces[0].private_ipv4_address.as_deref(), Some("10.64.0.9"));
        let running = apply(&pending, &status(LastStatus::Running), NOW).unwrap();
        assert_eq!((running.seen.started_at, running.version), (Some(NOW), 3));
    }

    #[test]
    fn the_exec_agent_runs_while_its_container_does() {
        use model::ecs::task_container::{ManagedAgent, ManagedAgentName};
        let mut task = task();
        task.containers[0].seen.managed_agents.push(ManagedAgent {
            name: ManagedAgentName::ExecuteCommandAgent,
            last_status: ContainerStatus::Pending,
            last_started_at: None,
            reason: None,
        });
        let name = task.containers[0].name.to_string();
        let told = ContainerReport { name, status: Some(ContainerStatus::Running), ..Default::default() };
        let report = Report { containers: vec![told], ..status(LastStatus::Running) };
        let running = apply(&task, &report, NOW).unwrap();
        let agent = &running.containers[0].seen.managed_agents[0];
        assert_eq!((agent.last_status, agent.last_started_at), (ContainerStatus::Running, Some(NOW)));
        let stopped = apply(&running, &status(LastStatus::Stopped), NOW).unwrap();
        assert_eq!(stopped.containers[0].seen.managed_agents[0].last_status, ContainerStatus::Stopped);
    }

    #[test]
    fn the_users_reason_outlives_the_nodes() {
        let mut wanted = apply(&task(), &status(LastStatus::Running), NOW).unwrap();
        wanted.stop(StopCode::UserInitiated, "Task stopped by user", NOW);
        let echo = Report {
            stop_code: Some(StopCode::EssentialContainerExited),
            reason: Some("Essential container in task exited".into()),
            ..status(LastStatus::Stopped)
        };
        let stopped = apply(&wanted, &echo, NOW).unwrap();
        assert_eq!(stopped.seen.stop_code, Some(StopCode::UserInitiated));
        assert_eq!(stopped.seen.stopped_reason.as_deref(), Some("Task stopped by user"));
        assert_eq!(stopped.attachments[0].status, AttachmentStatus::Deleted);
    }

    #[test]
    fn a_task_that_never_ran_has_no_start() {
        let stopped = apply(&task(), &status(LastStatus::Stopped), NOW).unwrap();
        assert_eq!(stopped.seen.started_at, None);
        assert_eq!(stopped.desired_status, DesiredStatus::Stopped);
    }

    #[test]
    fn nothing_new_is_no_change() {
        let running = apply(&task(), &status(LastStatus::Running), NOW).unwrap();
        assert_eq!(apply(&running, &status(LastStatus::Pending), NOW), None);
        let stopped = apply(&running, &status(LastStatus::Stopped), NOW).unwrap();
        assert_eq!(apply(&stopped, &status(LastStatus::Running), NOW), None);
    }

    proptest! {
        #[test]
        fn statuses_never_go_back_and_repeats_change_nothing(
            order in prop::collection::vec(0..LastStatus::ALL.len() - 1, 1..12),
        ) {
            let mut task = task();
            for at in order {
                let report = status(LastStatus::ALL[at]);
                let before = task.seen.last_status;
                if let Some(next) = apply(&task, &report, NOW) {
                    prop_assert!(next.seen.last_status >= before);
                    prop_assert_eq!(next.version, task.version + 1);
                    prop_assert!(apply(&next, &report, NOW).is_none());
                    task = next;
                }
            }
        }
    }
}
