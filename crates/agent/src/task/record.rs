//! What a node knows of one task: what was wanted of it and what was done. This is what the
//! journal keeps, so that a restarted agent goes on where the last one ended.

use std::collections::{BTreeMap, VecDeque};

use oci_spec::image::ImageConfiguration;
use serde::{Deserialize, Serialize};
use wire::link;

use crate::network::TaskNetwork;

/// A queue of reports longer than this loses its oldest: each one tells all that the older told.
const OUTBOX_LIMIT: usize = 16;

/// A task on this node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The format of this record.
    pub version: u32,
    /// What the control plane wants.
    pub task: link::Task,
    /// When the task came to the node, in epoch milliseconds.
    pub received_at: i64,
    /// Its network, once made.
    pub network: Option<TaskNetwork>,
    /// What its containers share: network, control group, directories.
    pub site: Site,
    /// Its containers by name.
    pub containers: BTreeMap<String, ContainerRecord>,
    /// The disk that it used when it was last measured, in MiB.
    #[serde(default)]
    pub disk_used_mib: Option<u64>,
    /// When the first pull began.
    pub pull_started_at: Option<i64>,
    /// When the last pull ended.
    pub pull_stopped_at: Option<i64>,
    /// When the first essential container ended, or the stop was asked for.
    pub execution_stopped_at: Option<i64>,
    /// The status last reported; it only moves forward.
    pub known_status: String,
    /// Why the task stops, once it does.
    pub stop: Option<Stop>,
    /// The last report that was queued.
    pub last_report: Option<link::TaskStateChange>,
    /// Reports that the control plane has not acknowledged, oldest first.
    pub outbox: VecDeque<link::TaskStateChange>,
}

/// What all containers of a task share, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Site {
    /// Nothing has been made.
    Absent,
    /// An agent that is gone may have begun to make it.
    Begun,
    /// All is there.
    Ready,
    /// It could not be made, for this reason.
    Failed(String),
    /// It has been taken down.
    Removed,
}

/// Why a task stops.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// One of ECS's stop codes; none when the control plane asked and knows itself.
    pub code: Option<String>,
    /// The reason in the user's words.
    pub reason: Option<String>,
}

/// What kept a container from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// Its image.
    Pull,
    /// Its creation.
    Create,
    /// Its start.
    Start,
    /// A dependency that can never be met.
    Dependency,
}

/// A container on this node.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ContainerRecord {
    /// Its id in containerd.
    pub runtime_id: String,
    /// The image, once pulled.
    pub image: Option<PulledImage>,
    /// When it was created.
    pub created_at: Option<i64>,
    /// When it was started, the last time.
    pub started_at: Option<i64>,
    /// Its process on the node, while it runs.
    pub pid: Option<u32>,
    /// How it ended, the last time.
    pub exit: Option<Exit>,
    /// What kept it from running, and the reason in ECS's words.
    pub failure: Option<(Failure, String)>,
    /// Whether an agent that is gone may have begun to create it.
    #[serde(default)]
    pub begun: bool,
    /// Whether nothing of it is left on the node.
    #[serde(default)]
    pub removed: bool,
    /// How often it was restarted in place.
    pub restarts: u32,
    /// When it was asked to end.
    pub stop_requested_at: Option<i64>,
    /// When it was killed for not ending in time.
    pub kill_sent_at: Option<i64>,
    /// Its health checks so far.
    pub health: Health,
}

/// An image that is ready to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PulledImage {
    /// The manifest's digest.
    pub manifest_digest: String,
    /// The snapshot of its last layer.
    pub chain_id: String,
    /// Its configuration.
    pub config: ImageConfiguration,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Its exit code; `None` when nobody saw it end.
    pub code: Option<i64>,
    /// When, in epoch milliseconds.
    pub at: i64,
    /// Whether the kernel killed it for lack of memory.
    pub out_of_memory: bool,
}

/// What a container's health checks have told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// HEALTHY, UNHEALTHY, or nothing yet.
    pub status: Option<String>,
    /// Since when, in epoch milliseconds.
    pub since: Option<i64>,
    /// How many checks failed in a row.
    pub failures: u32,
    /// When the last check ended.
    pub checked_at: Option<i64>,
    /// The last check's exit code; -1 when it did not end in time.
    pub exit_code: Option<i64>,
    /// What the last check wrote.
    pub output: String,
}

impl Record {
    /// A task that has just come to the node.
    pub fn new(task: link::Task, now: i64) -> Record {
        let id = id_of(&task.arn).to_string();
        let container = |index: usize, container: &link::Container| {
            let runtime_id = format!("{id}-{:010}", stable_number(&container.name, index));
            (container.name.clone(), ContainerRecord { runtime_id, ..ContainerRecord::default() })
        };
        let containers = task.containers.iter().enumerate().map(|(i, c)| container(i, c)).collect();
        Record {
            version: 1,
            task,
            received_at: now,
            network: None,
            site: Site::Absent,
            containers,
            disk_used_mib: None,
            pull_started_at: None,
            pull_stopped_at: None,
            execution_stopped_at: None,
            known_status: "PROVISIONING".into(),
            stop: None,
            last_report: None,
            outbox: VecDeque::new(),
        }
    }

    /// The task's id: the last part of its ARN.
    pub fn id(&self) -> &str {
        id_of(&self.task.arn)
    }

    /// Whether the task has been reported stopped, so that nothing more is to be done on the node.
    pub fn is_over(&self) -> bool {
        self.known_status == "STOPPED"
    }

    /// Queues a report unless it has no news since the last one; answers whether it did.
    pub fn report(&mut self, change: link::TaskStateChange) -> bool {
        let is_news = match &self.last_report {
            Some(last) => news(last) != news(&change),
            // What the control plane made of it itself.
            None => change.status != "PROVISIONING",
        };
        if !is_news {
            return false;
        }
        self.known_status.clone_from(&change.status);
        self.last_report = Some(change.clone());
        self.outbox.push_back(change);
        while self.outbox.len() > OUTBOX_LIMIT {
            self.outbox.pop_front();
        }
        true
    }
}

/// What of a report is worth sending; the rest goes along with the next one.
fn news(change: &link::TaskStateChange) -> link::TaskStateChange {
    let mut change = change.clone();
    (change.pull_started_at, change.pull_stopped_at, change.execution_stopped_at) = (None, None, None);
    for container in &mut change.containers {
        (container.runtime_id, container.image_digest) = (None, None);
    }
    change
}

/// The last part of an ARN.
pub fn id_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Ten digits that tell a task's containers apart, the same after every restart.
fn stable_number(name: &str, index: usize) -> u64 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(format!("{index}/{name}"));
    let bytes: [u8; 8] = std::array::from_fn(|i| digest[i]);
    u64::from_be_bytes(bytes) % 10_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let task = serde_json::from_value(serde_json::json!({"arn": "arn:aws:ecs:us-east-1:1:task/c/0123", "family": "f",
            "version": "1", "desiredStatus": "RUNNING", "taskDefinitionAccountId": "1", "launchType": "FARGATE",
            "networkMode": "awsvpc", "containers": [{"name": "app", "containerArn": "a", "image": "i", "essential": true,
            "dockerConfig": {"version": "1.19", "config": "{}", "hostConfig": "{}"}}]}))
        .unwrap();
        Record::new(task, 1)
    }

    #[test]
    fn a_record_survives_its_encoding() {
        let mut record = record();
        let change = link::TaskStateChange { status: "PENDING".into(), ..Default::default() };
        assert!(record.report(change.clone()) && !record.report(change));
        let text = serde_json::to_string(&record).unwrap();
        let read: Record = serde_json::from_str(&text).unwrap();
        assert_eq!((read.id(), read.outbox.len()), ("0123", 1));
        assert_eq!(read.containers["app"].runtime_id.len(), "0123-".len() + 10);
    }
}
