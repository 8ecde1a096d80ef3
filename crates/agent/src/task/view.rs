//! Between a task's record and the decider: the record as [`reconcile::container::View`], the
//! decider's report as the message that the control plane reads. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use model::Timestamp;
use model::ecs::status::{HealthStatus, StopCode};
use model::ecs::{DesiredStatus, LastStatus, TextEnum as _};
use reconcile::container as decider;
use wire::link;

use super::errors;
use super::firelens;
use super::record::{ContainerRecord, Failure, Record, Site, Stop};

/// The record as the decider reads it.
pub fn of(record: &Record, busy: &BTreeSet<decider::Action>) -> decider::View {
    let container = |wanted: &link::Container| {
        let seen = record.containers.get(&wanted.name).map(seen).unwrap_or_default();
        (wanted.name.clone(), decider::Container { wanted: wanted_of(&record.task, wanted), seen })
    };
    decider::View {
        desired: DesiredStatus::parse(&record.task.desired_status).unwrap_or(DesiredStatus::Running),
        status: LastStatus::parse(&record.known_status).unwrap_or(LastStatus::Provisioning),
        stop: record.stop.as_ref().map(|stop| decider::Stop {
            code: stop.code.as_deref().and_then(StopCode::parse),
            reason: stop.reason.clone(),
        }),
        site: match &record.site {
            Site::Absent => decider::Site::Absent,
            Site::Begun => decider::Site::Begun,
            Site::Ready => decider::Site::Ready,
            Site::Failed(reason) => decider::Site::Failed(reason.clone()),
            Site::Removed => decider::Site::Removed,
        },
        containers: record.task.containers.iter().map(container).collect(),
        busy: busy.clone(),
    }
}

fn wanted_of(task: &link::Task, container: &link::Container) -> decider::Wanted {
    let seconds = |value: i64| Duration::from_secs(u64::try_from(value).unwrap_or(0));
    let mut depends_on: Vec<decider::Dependency> =
        container.depends_on.iter().filter_map(dependency).collect();
    let implied = |name: &str, condition| decider::Dependency { container: name.to_string(), condition };
    depends_on.extend(
        container.volumes_from.iter().map(|v| implied(&v.source_container, decider::Condition::Create)),
    );
    let linked = container.links.iter().filter_map(|link| link.split(':').next());
    depends_on.extend(linked.map(|name| implied(name, decider::Condition::Start)));
    depends_on.extend(
        firelens::waits_for(task, container).map(|router| implied(router, decider::Condition::Start)),
    );
    let policy = container.restart_policy.as_ref().filter(|policy| policy.enabled);
    decider::Wanted {
        essential: container.essential,
        depends_on,
        start_timeout: Some(seconds(container.start_timeout)).filter(|timeout| !timeout.is_zero()),
        stop_timeout: container.stop_timeout.map_or(decider::Wanted::STOP_TIMEOUT, seconds),
        restart_policy: policy.map(|policy| decider::RestartPolicy {
            ignored_exit_codes: policy.ignored_exit_codes.iter().copied().collect(),
            attempt_period: seconds(policy.restart_attempt_period),
        }),
        health_check: health_check(container),
    }
}

fn dependency(dependency: &link::ContainerDependency) -> Option<decider::Dependency> {
    let condition = match dependency.condition.as_str() {
        "START" => decider::Condition::Start,
        "COMPLETE" => decider::Condition::Complete,
        "SUCCESS" => decider::Condition::Success,
        "HEALTHY" => decider::Condition::Healthy,
        // Refused at registration.
        _ => return None,
    };
    Some(decider::Dependency { container: dependency.container_name.clone(), condition })
}

/// The health check of a container as the decider needs it.
pub fn health_check(container: &link::Container) -> Option<decider::HealthCheck> {
    let check = container.docker_config.config.healthcheck.as_ref()?;
    if check.test.first().is_none_or(|kind| kind == "NONE") {
        return None;
    }
    let nanos = |value: i64, default: u64| match u64::try_from(value) {
        Ok(0) | Err(_) => Duration::from_secs(default),
        Ok(value) => Duration::from_nanos(value),
    };
    Some(decider::HealthCheck {
        interval: nanos(check.interval, 30),
        start_period: nanos(check.start_period, 0),
        retries: u32::try_from(check.retries).ok().filter(|retries| *retries > 0).unwrap_or(3),
    })
}

fn seen(record: &ContainerRecord) -> decider::Seen {
    let at = |millis: Option<i64>| Timestamp::from_millis(millis.unwrap_or_default());
    let stage = if let Some((failure, reason)) = &record.failure {
        let failure = match failure {
            Failure::Pull => decider::Failure::Pull,
            Failure::Create => decider::Failure::Create,
            Failure::Start => decider::Failure::Start,
            Failure::Dependency => decider::Failure::Dependency,
        };
        decider::Stage::Failed { failure, reason: reason.clone() }
    } else if record.pid.is_some() {
        decider::Stage::Running { started_at: at(record.started_at) }
    } else if let Some(exit) = &record.exit {
        let (started_at, ended_at) = (at(record.started_at), Timestamp::from_millis(exit.at));
        decider::Stage::Exited(decider::Exit { started_at, at: ended_at, code: exit.code })
    } else if record.created_at.is_some() {
        decider::Stage::Created
    } else {
        decider::Stage::Waiting
    };
    decider::Seen {
        image_ready: record.image.is_some(),
        stage,
        begun: record.begun,
        removed: record.removed,
        term_sent_at: record.stop_requested_at.map(Timestamp::from_millis),
        kill_sent_at: record.kill_sent_at.map(Timestamp::from_millis),
        health: health(record),
    }
}

/// A container's health as the decider reads it.
pub fn health(record: &ContainerRecord) -> decider::Health {
    let status = record.health.status.as_deref().and_then(HealthStatus::parse);
    decider::Health {
        status: status.unwrap_or(HealthStatus::Unknown),
        failures: record.health.failures,
        checked_at: record.health.checked_at.map(Timestamp::from_millis),
    }
}

/// The decider's cause as the record keeps it.
pub fn stop_of(stop: &decider::Stop) -> Stop {
    Stop { code: stop.code.map(|code| code.as_str().to_string()), reason: stop.reason.clone() }
}

/// The decider's report with what only the record knows: the message for the control plane.
pub fn state_change(record: &Record, report: &decider::Report) -> link::TaskStateChange {
    let attachment_status = match report.status {
        LastStatus::Stopped | LastStatus::Deleted => Some("DETACHED"),
        _ => Some("ATTACHED").filter(|_| record.site == Site::Ready),
    };
    let attachments = attachment_status.into_iter().flat_map(|status| {
        let arns = record.task.elastic_network_interfaces.iter().map(|eni| eni.attachment_arn.clone());
        arns.map(move |attachment_arn| link::AttachmentStateChange {
            attachment_arn,
            status: status.to_string(),
        })
    });
    let extras = record.task.longshore.as_ref();
    link::TaskStateChange {
        cluster: extras.map(|extras| extras.cluster_arn.clone()).unwrap_or_default(),
        task: record.task.arn.clone(),
        status: report.status.as_str().to_string(),
        reason: report.stop.as_ref().and_then(|stop| stop.reason.clone()),
        stop_code: report.stop.as_ref().and_then(|stop| stop.code).map(|code| code.as_str().to_string()),
        containers: report
            .containers
            .iter()
            .map(|(name, seen)| container_change(record, name, seen))
            .collect(),
        attachments: attachments.collect(),
        pull_started_at: record.pull_started_at,
        pull_stopped_at: record.pull_stopped_at,
        execution_stopped_at: record.execution_stopped_at,
    }
}

fn container_change(
    record: &Record,
    name: &str,
    report: &decider::ContainerReport,
) -> link::ContainerStateChange {
    let container = record.containers.get(name);
    let out_of_memory = container.and_then(|c| c.exit.as_ref()).is_some_and(|exit| exit.out_of_memory);
    let ports = record
        .network
        .iter()
        .flat_map(|n| n.all().flat_map(|n| &n.ports))
        .filter(|port| port.container == name);
    link::ContainerStateChange {
        container_name: name.to_string(),
        status: report.status.as_str().to_string(),
        runtime_id: container.filter(|c| c.created_at.is_some()).map(|c| c.runtime_id.clone()),
        image_digest: container.and_then(|c| c.image.as_ref()).map(|image| image.manifest_digest.clone()),
        exit_code: report.exit_code,
        reason: report.reason.clone().or_else(|| out_of_memory.then(|| errors::OUT_OF_MEMORY.to_string())),
        network_bindings: ports
            .map(|port| link::NetworkBinding {
                bind_ip: "0.0.0.0".into(),
                container_port: port.container_port,
                host_port: port.host_port,
                protocol: port.protocol.clone(),
            })
            .collect(),
        health_status: report.health.map(|health| health.as_str().to_string()),
    }
}
