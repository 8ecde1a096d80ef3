//! How outcomes change a task's record. Pure; answers whether the change must be journaled.

use model::Timestamp;
use model::ecs::TextEnum as _;
use reconcile::container::{self as decider, CheckOutcome};

use super::actions::Outcome;
use super::record::{ContainerRecord, Exit, Failure, Record, Site};
use super::view;
use crate::runtime::{ExecOutcome, ProcessState};

/// The exit code of a container whose end nobody saw, as Docker gives it.
const LOST: i64 = 137;

/// Notes what came of a step.
pub fn outcome(record: &mut Record, outcome: Outcome, now: i64) -> bool {
    match outcome {
        Outcome::Provisioned(Ok(network)) => {
            record.network = Some(network);
            record.site = Site::Ready;
            true
        }
        Outcome::Provisioned(Err(reason)) => {
            record.site = Site::Failed(reason);
            true
        }
        Outcome::Pulled(name, result) => {
            record.pull_stopped_at = Some(now);
            match result {
                Ok(image) => container(record, &name).image = Some(*image),
                Err(reason) => failed(record, &name, Failure::Pull, reason),
            }
            false
        }
        Outcome::Created(name, Ok(())) => {
            container(record, &name).created_at = Some(now);
            false
        }
        Outcome::Created(name, Err(reason)) => {
            failed(record, &name, Failure::Create, reason);
            true
        }
        Outcome::Started(name, Ok(pid)) => {
            let container = container(record, &name);
            container.restarts += u32::from(container.exit.take().is_some());
            container.started_at = Some(now);
            container.pid = Some(pid);
            container.health = Default::default();
            true
        }
        Outcome::Started(name, Err(reason)) => {
            failed(record, &name, Failure::Start, reason);
            true
        }
        Outcome::Exited(name, state, oom_kills) => {
            exited(record, &name, state, oom_kills, now);
            true
        }
        Outcome::Checked(name, result) => checked(record, &name, result, now),
        Outcome::Deleted(name) => {
            container(record, &name).removed = true;
            true
        }
        Outcome::Deprovisioned => {
            record.site = Site::Removed;
            true
        }
        Outcome::Sent(_) | Outcome::Measured(_) => false,
    }
}

/// Notes that a container can never run.
pub fn failed(record: &mut Record, name: &str, failure: Failure, reason: String) {
    container(record, name).failure = Some((failure, reason));
}

/// Notes that an earlier agent may have been in the middle of a step, which it then had no time to note: so what looks
/// as if it had never been made is made again, or taken down, but not passed over.
pub fn revived(record: &mut Record) {
    if record.site == Site::Absent {
        record.site = Site::Begun;
    }
    for container in record.containers.values_mut() {
        container.begun = true;
    }
}

/// Notes what containerd says about a container that an earlier agent began; answers whether it runs.
pub fn adopted(record: &mut Record, name: &str, state: ProcessState, oom_kills: u64, now: i64) -> bool {
    let container = container(record, name);
    match state {
        ProcessState::Running { pid } => {
            container.created_at.get_or_insert(now);
            container.started_at.get_or_insert(now);
            container.exit = None;
            container.pid = Some(pid);
            return true;
        }
        ProcessState::Stopped { .. } if container.exit.is_none() => {
            container.created_at.get_or_insert(now);
            container.started_at.get_or_insert(now);
            exited(record, name, state, oom_kills, now);
        }
        ProcessState::Missing if container.pid.is_some() => exited(record, name, state, oom_kills, now),
        // Made, and waiting for the start that its maker did not come to.
        ProcessState::Created => {
            container.created_at.get_or_insert(now);
            container.pid = None;
        }
        ProcessState::Stopped { .. } | ProcessState::Missing => container.pid = None,
    }
    false
}

fn exited(record: &mut Record, name: &str, state: ProcessState, oom_kills: u64, now: i64) {
    let (code, at) = match state {
        ProcessState::Stopped { exit_code, exited_at } => (i64::from(exit_code), exited_at),
        ProcessState::Missing | ProcessState::Created | ProcessState::Running { .. } => (LOST, now),
    };
    let container = container(record, name);
    container.pid = None;
    // A process that survives the killing of a child ends by its own will.
    container.exit = Some(Exit { code: Some(code), at, out_of_memory: oom_kills > 0 && code == LOST });
}

fn checked(record: &mut Record, name: &str, result: Result<ExecOutcome, String>, now: i64) -> bool {
    let check = record.task.containers.iter().find(|c| c.name == name).and_then(view::health_check);
    let container = container(record, name);
    let (Some(check), Some(_running)) = (check, container.pid) else { return false };
    let (exit_code, output) = match result {
        Ok(outcome) => (outcome.exit_code.map_or(-1, i64::from), outcome.output),
        Err(text) => (-1, text),
    };
    let outcome = if exit_code == 0 { CheckOutcome::Passed } else { CheckOutcome::Failed };
    let started_at = Timestamp::from_millis(container.started_at.unwrap_or(now));
    let after =
        decider::observe(&view::health(container), &check, outcome, started_at, Timestamp::from_millis(now));
    let health = &mut container.health;
    let status = Some(after.status.as_str().to_string());
    let changed = health.status != status;
    health.since = if changed { Some(now) } else { health.since };
    (health.status, health.failures, health.checked_at) = (status, after.failures, Some(now));
    (health.exit_code, health.output) = (Some(exit_code), output);
    changed
}

fn container<'a>(record: &'a mut Record, name: &str) -> &'a mut ContainerRecord {
    record.containers.entry(name.to_string()).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(check: serde_json::Value) -> Record {
        let config = json!({"Healthcheck": check}).to_string();
        let task = json!({"arn": "a/t", "family": "f", "version": "1", "desiredStatus": "RUNNING",
            "taskDefinitionAccountId": "1", "launchType": "EC2", "networkMode": "host", "containers": [
            {"name": "a", "containerArn": "c", "image": "i", "essential": true,
             "dockerConfig": {"version": "1.19", "config": config, "hostConfig": "{}"}}]});
        let mut record = Record::new(serde_json::from_value(task).unwrap(), 0);
        outcome(&mut record, Outcome::Started("a".into(), Ok(7)), 0);
        record
    }

    fn check_ends(record: &mut Record, code: u32, at: i64) -> Option<String> {
        let ended = ExecOutcome { exit_code: Some(code), output: String::new() };
        outcome(record, Outcome::Checked("a".into(), Ok(ended)), at);
        record.containers["a"].health.status.clone()
    }

    #[test]
    fn a_container_is_unhealthy_after_its_retries() {
        let mut record = record(
            json!({"Test": ["CMD", "x"], "Interval": 1, "Timeout": 1, "StartPeriod": 5_000_000_000i64, "Retries": 2}),
        );
        assert_eq!(check_ends(&mut record, 1, 1000).as_deref(), Some("UNKNOWN"));
        assert_eq!(check_ends(&mut record, 1, 6000).as_deref(), Some("UNKNOWN"));
        assert_eq!(check_ends(&mut record, 1, 7000).as_deref(), Some("UNHEALTHY"));
        assert_eq!(check_ends(&mut record, 0, 8000).as_deref(), Some("HEALTHY"));
    }

    #[test]
    fn what_an_earlier_agent_may_have_begun_is_taken_down() {
        let mut record = record(json!(null));
        record.containers.insert("a".into(), ContainerRecord::default());
        record.task.desired_status = "STOPPED".into();
        let plan = |record: &Record| {
            decider::decide(&view::of(record, &Default::default()), Timestamp::from_millis(0)).actions
        };
        assert_eq!(plan(&record), []);
        revived(&mut record);
        assert_eq!(plan(&record), [decider::Action::DeleteContainer("a".into())]);
        outcome(&mut record, Outcome::Deleted("a".into()), 0);
        assert_eq!(plan(&record), [decider::Action::Deprovision]);
    }

    #[test]
    fn a_killed_container_tells_why() {
        let mut record = record(json!(null));
        let state = ProcessState::Stopped { exit_code: 137, exited_at: 5 };
        outcome(&mut record, Outcome::Exited("a".into(), state, 1), 6);
        assert!(record.containers["a"].exit.as_ref().unwrap().out_of_memory);
    }

    #[test]
    fn what_was_made_is_started_and_not_made_again() {
        let mut record = record(json!(null));
        record.containers.get_mut("a").unwrap().pid = None;
        assert!(!adopted(&mut record, "a", ProcessState::Created, 0, 9));
        assert_eq!(record.containers["a"].created_at, Some(9));
    }

    #[test]
    fn what_vanished_while_nobody_looked_has_ended() {
        let mut record = record(json!(null));
        assert!(!adopted(&mut record, "a", ProcessState::Missing, 0, 9));
        assert_eq!(record.containers["a"].exit.as_ref().unwrap().code, Some(137));
    }
}
