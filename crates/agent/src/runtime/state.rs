//! What a container's process is doing, and waiting for its end across restarts of containerd.

use std::time::Duration;

use containerd_client::services::v1::snapshots::ListSnapshotsRequest;
use containerd_client::services::v1::{GetRequest, WaitRequest};
use containerd_client::types::v1::{Process, Status as TaskStatus};
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
        let state = process.map_or(Some(ProcessState::Missing), |process| state_of(&process));
        state.ok_or_else(|| Error::Silent { attempt: "inspecting", id: id.to_string() })
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

/// What an answer says; `None` when the shim was too busy to tell containerd. That is no sign of an end: a shim that
/// died is forgotten, one that starts its process on a loaded machine keeps its caller waiting.
fn state_of(process: &Process) -> Option<ProcessState> {
    match TaskStatus::try_from(process.status).unwrap_or(TaskStatus::Unknown) {
        TaskStatus::Created => Some(ProcessState::Created),
        TaskStatus::Running | TaskStatus::Paused | TaskStatus::Pausing => {
            Some(ProcessState::Running { pid: process.pid })
        }
        TaskStatus::Stopped => Some(ProcessState::Stopped {
            exit_code: process.exit_status,
            exited_at: millis(process.exited_at),
        }),
        TaskStatus::Unknown => None,
    }
}

/// Epoch milliseconds; the present when containerd gave no time.
pub(super) fn millis(time: Option<prost_types::Timestamp>) -> i64 {
    match time.filter(|time| time.seconds > 0) {
        Some(time) => time.seconds * 1000 + i64::from(time.nanos) / 1_000_000,
        None => jiff::Timestamp::now().as_millisecond(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: TaskStatus, expected: Option<ProcessState>) {
        let process = Process { status: status as i32, pid: 7, exit_status: 3, ..Process::default() };
        let state = state_of(&process).map(|state| match state {
            ProcessState::Stopped { exit_code, .. } => ProcessState::Stopped { exit_code, exited_at: 0 },
            other => other,
        });
        assert_eq!(state, expected);
    }

    #[test]
    fn a_busy_shim_is_not_taken_for_a_missing_one() {
        check(TaskStatus::Unknown, None);
        check(TaskStatus::Created, Some(ProcessState::Created));
        check(TaskStatus::Running, Some(ProcessState::Running { pid: 7 }));
        check(TaskStatus::Stopped, Some(ProcessState::Stopped { exit_code: 3, exited_at: 0 }));
    }
}
