//! Commands executed inside a running container: health checks.

use std::path::Path;
use std::time::Duration;

use containerd_client::services::v1::{
    DeleteProcessRequest, ExecProcessRequest, GetContainerRequest, KillRequest, StartRequest, WaitRequest,
};
use serde_json::{Value, json};

use super::{Error, Runtime};

const PROCESS_TYPE: &str = "types.containerd.io/opencontainers/runtime-spec/1/Process";
/// Docker keeps this much of a health check's output.
const OUTPUT_LIMIT: usize = 4096;

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOutcome {
    /// Its exit code; `None` when it did not end in time and was killed.
    pub exit_code: Option<u32>,
    /// The beginning of what it wrote.
    pub output: String,
}

impl Runtime {
    /// Runs a command with the container's own user, environment and directory.
    /// Its output passes through a file in `dir`.
    pub async fn exec(
        &self,
        id: &str,
        exec_id: &str,
        command: &[String],
        dir: &Path,
        timeout: Duration,
    ) -> Result<ExecOutcome, Error> {
        let file = dir.join(format!("{exec_id}.out"));
        let uri = format!("file://{}", file.display());
        let request = ExecProcessRequest {
            container_id: id.to_string(),
            stdout: uri.clone(),
            stderr: uri,
            spec: Some(encoded(&self.process_of(id, command).await?)),
            exec_id: exec_id.to_string(),
            ..ExecProcessRequest::default()
        };
        let mut tasks = self.connection().client().tasks();
        self.ask("adding a command to", id, tasks.exec(self.connection().request(request))).await?;
        let exit_code = self.run(id, exec_id, timeout).await;
        let request = DeleteProcessRequest { container_id: id.to_string(), exec_id: exec_id.to_string() };
        let _ = self
            .ask("removing a command of", id, tasks.delete_process(self.connection().request(request)))
            .await;
        let output = tokio::fs::read(&file).await.unwrap_or_default();
        let _ = tokio::fs::remove_file(&file).await;
        let output = String::from_utf8_lossy(&output[..output.len().min(OUTPUT_LIMIT)]).into_owned();
        Ok(ExecOutcome { exit_code: exit_code?, output })
    }

    async fn run(&self, id: &str, exec_id: &str, timeout: Duration) -> Result<Option<u32>, Error> {
        let (container_id, exec_id) = (id.to_string(), exec_id.to_string());
        let mut tasks = self.connection().client().tasks();
        let request = StartRequest { container_id: container_id.clone(), exec_id: exec_id.clone() };
        self.ask("running a command in", id, tasks.start(self.connection().request(request))).await?;
        let request = WaitRequest { container_id: container_id.clone(), exec_id: exec_id.clone() };
        let wait = tasks.wait(self.connection().request(request));
        match tokio::time::timeout(timeout, wait).await {
            Ok(answer) => {
                let answer = answer.map_err(|status| Error::Request {
                    attempt: "waiting for a command in",
                    id: id.to_string(),
                    source: Box::new(status),
                })?;
                Ok(Some(answer.into_inner().exit_status))
            }
            Err(_elapsed) => {
                let signal = nix::libc::SIGKILL as u32;
                let request = KillRequest { container_id, exec_id, signal, all: false };
                let _ =
                    self.ask("ending a command in", id, tasks.kill(self.connection().request(request))).await;
                Ok(None)
            }
        }
    }

    /// The container's own process with another command line.
    pub(super) async fn process_of(&self, id: &str, command: &[String]) -> Result<Value, Error> {
        let mut containers = self.connection().client().containers();
        let request = self.connection().request(GetContainerRequest { id: id.to_string() });
        let answer = self.ask("inspecting", id, containers.get(request)).await?;
        let spec = answer.container.and_then(|container| container.spec).unwrap_or_default();
        let spec: Value = serde_json::from_slice(&spec.value).unwrap_or_default();
        let mut process = spec["process"].clone();
        process["args"] = json!(command);
        process["terminal"] = json!(false);
        Ok(process)
    }
}

/// A process as containerd takes it.
pub(super) fn encoded(process: &Value) -> prost_types::Any {
    prost_types::Any { type_url: PROCESS_TYPE.into(), value: process.to_string().into_bytes() }
}
