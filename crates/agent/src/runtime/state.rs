//! What a container's process is doing, and waiting for its end across restarts of containerd.

use std::time::Duration;

use containerd_client::services::v1::snapshots::ListSnapshotsRequest;
use containerd_client::services::v1::{GetRequest, WaitRequest};
use containerd_client::types::v1::Status as TaskStatus;
use tonic::Code;

use super::{Error, INSTANCE_LABEL, Runtime};

const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// What containerd knows of a container's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// There is none, or it has been forgotten.
    Missing,
    /// It has been made but not started.
    Created,
    /// It runs, or is paused.
    Running {
        /// Its pid on the node.
        pid: u32,
    },
    /// It has ended.
    Stopped {
        /// Its exit code; 128 and the signal's number for a killed one.
        exit_code: u32,
        /// When, in epoch milliseconds.
        exited_at: i64,
    },
}

impl Runtime {
    /// What a container's process is doing.
    pub async fn state(&self, id: &str) -> Result<ProcessState, Error> {
        let request = GetRequest { container_id: id.to_string(), exec_id: String::new() };
        let mut tasks = self.connection().client().tasks();
        let process = match self.ask("inspecting", id, tasks.get(self.connection().request(request))).await {
            Ok(answer) => answer.process,
            Err(Error::Request { source, .. }) if source.code() == Code::NotFound => None,
            Err(error) => return Err(error),
        };
        let Some(process) = process else { return Ok(ProcessState::Missing) };
        Ok(match TaskStatus::try_from(process.status).unwrap_or(TaskStatus::Unknown) {
            TaskStatus::Created => ProcessState::Created,
            TaskStatus::Running | TaskStatus::Paused | TaskStatus::Pausing => {
                ProcessState::Running { pid: process.pid }
            }
            TaskStatus::Stopped => {
                ProcessState::Stopped { exit_code: process.exit_status, exited_at: millis(process.exited_at) }
            }
            // A shim that cannot be asked any more: nothing runs that we could stop or wait for.
            TaskStatus::Unknown => ProcessState::Missing,
        })
    }

    /// Waits until a container's process has ended; through restarts of containerd.
    pub async fn wait(&self, id: &str) -> ProcessState {
        loop {
            let request = WaitRequest { container_id: id.to_string(), exec_id: String::new() };
            let answer = self.connection().client().tasks().wait(self.connection().request(request)).await;
            match answer {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    return ProcessState::Stopped {
                        exit_code: answer.exit_status,
                        exited_at: millis(answer.exited_at),
                    };
                }
                Err(status) if status.code() == Code::NotFound => return ProcessState::Missing,
                Err(status) => tracing::debug!(id, %status, "waiting again"),
            }
            tokio::time::sleep(RECONNECT_PAUSE).await;
        }
    }

    /// The keys of this instance's root file systems.
    pub async fn snapshots(&self) -> Result<Vec<String>, Error> {
        let request = ListSnapshotsRequest {
            snapshotter: self.connection().snapshotter().to_string(),
            filters: vec![format!("labels.{INSTANCE_LABEL:?}=={}", self.instance)],
        };
        let mut client = self.connection().client().snapshots();
        let mut pages =
            self.ask("listing", "snapshots", client.list(self.connection().request(request))).await?;
        let mut keys = Vec::new();
        loop {
            match pages.message().await {
                Ok(Some(page)) => keys.extend(page.info.into_iter().map(|info| info.name)),
                Ok(None) => return Ok(keys),
                Err(status) => {
                    let id = "snapshots".to_string();
                    return Err(Error::Request { attempt: "listing", id, source: Box::new(status) });
                }
            }
        }
    }
}

/// Epoch milliseconds; the present when containerd gave no time.
pub(super) fn millis(time: Option<prost_types::Timestamp>) -> i64 {
    match time.filter(|time| time.seconds > 0) {
        Some(time) => time.seconds * 1000 + i64::from(time.nanos) / 1_000_000,
        None => jiff::Timestamp::now().as_millisecond(),
    }
}
