//! Commands with a stream: what ECS Exec asks containerd for, step by step.

use containerd_client::services::v1::{
    CloseIoRequest, DeleteProcessRequest, ExecProcessRequest, KillRequest, ResizePtyRequest, StartRequest,
    WaitRequest,
};
use serde_json::{Value, json};

use super::{Error, Runtime, or_gone};

/// Where a command's pipes are; no path for what it does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecStdio {
    /// Its input.
    pub stdin: String,
    /// Its terminal, or standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Runtime {
    /// Records a command for a running container: as root, as ECS Exec's are.
    pub async fn add_exec(
        &self,
        id: &str,
        exec_id: &str,
        command: &[String],
        stdio: ExecStdio,
        terminal: bool,
    ) -> Result<(), Error> {
        let process = as_root(self.process_of(id, command).await?, terminal);
        let request = ExecProcessRequest {
            container_id: id.to_string(),
            exec_id: exec_id.to_string(),
            stdin: stdio.stdin,
            stdout: stdio.stdout,
            stderr: stdio.stderr,
            terminal,
            spec: Some(super::exec::encoded(&process)),
        };
        let mut tasks = self.connection().client().tasks();
        self.ask("adding a command to", id, tasks.exec(self.connection().request(request))).await?;
        Ok(())
    }

    /// Starts a recorded command.
    pub async fn start_exec(&self, id: &str, exec_id: &str) -> Result<(), Error> {
        let request = StartRequest { container_id: id.to_string(), exec_id: exec_id.to_string() };
        let mut tasks = self.connection().client().tasks();
        self.ask("running a command in", id, tasks.start(self.connection().request(request))).await?;
        Ok(())
    }

    /// Waits for a command's end; `None` when nobody can tell any more.
    pub async fn wait_exec(&self, id: &str, exec_id: &str) -> Option<u32> {
        let request = WaitRequest { container_id: id.to_string(), exec_id: exec_id.to_string() };
        let answer = self.connection().client().tasks().wait(self.connection().request(request)).await;
        answer.ok().map(|answer| answer.into_inner().exit_status)
    }

    /// Sends a signal to a command.
    pub async fn kill_exec(&self, id: &str, exec_id: &str, signal: u32) -> Result<(), Error> {
        let (container_id, exec_id) = (id.to_string(), exec_id.to_string());
        let request = KillRequest { container_id, exec_id, signal, all: false };
        let mut tasks = self.connection().client().tasks();
        let killed = self.ask("signalling a command in", id, tasks.kill(self.connection().request(request)));
        or_gone(killed.await.map(drop))
    }

    /// Sets the size of a command's terminal.
    pub async fn resize_exec(&self, id: &str, exec_id: &str, width: u32, height: u32) -> Result<(), Error> {
        let (container_id, exec_id) = (id.to_string(), exec_id.to_string());
        let request = ResizePtyRequest { container_id, exec_id, width, height };
        let mut tasks = self.connection().client().tasks();
        let resized =
            self.ask("resizing a terminal in", id, tasks.resize_pty(self.connection().request(request)));
        or_gone(resized.await.map(drop))
    }

    /// Lets the shim's own end of a command's input go, so that the command sees the end of it.
    pub async fn close_exec_stdin(&self, id: &str, exec_id: &str) -> Result<(), Error> {
        let (container_id, exec_id) = (id.to_string(), exec_id.to_string());
        let request = CloseIoRequest { container_id, exec_id, stdin: true };
        let mut tasks = self.connection().client().tasks();
        let closed = self.ask("ending the input in", id, tasks.close_io(self.connection().request(request)));
        or_gone(closed.await.map(drop))
    }

    /// Forgets an ended command.
    pub async fn delete_exec(&self, id: &str, exec_id: &str) -> Result<(), Error> {
        let request = DeleteProcessRequest { container_id: id.to_string(), exec_id: exec_id.to_string() };
        let mut tasks = self.connection().client().tasks();
        let deleted =
            self.ask("removing a command of", id, tasks.delete_process(self.connection().request(request)));
        or_gone(deleted.await.map(drop))
    }
}

/// The process as root, with all that the container's root may have, and a terminal that editors can use.
fn as_root(mut process: Value, terminal: bool) -> Value {
    process["terminal"] = json!(terminal);
    process["user"] = json!({ "uid": 0, "gid": 0, "additionalGids": [0] });
    let bounding = process["capabilities"]["bounding"].clone();
    if bounding.is_array() {
        process["capabilities"]["effective"] = bounding.clone();
        process["capabilities"]["permitted"] = bounding;
    }
    let mut set = |name: &str, value: &str| {
        let entry = json!(format!("{name}={value}"));
        match process["env"].as_array_mut() {
            Some(env) => {
                env.retain(|old| !old.as_str().is_some_and(|old| old.starts_with(&format!("{name}="))));
                env.push(entry);
            }
            None => process["env"] = json!([entry]),
        }
    };
    set("HOME", "/root");
    if terminal {
        set("TERM", "xterm-256color");
    }
    process
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_run_as_root_with_the_containers_own_bounds() {
        let process = json!({ "user": { "uid": 1000 }, "env": ["A=b", "TERM=xterm", "HOME=/home/a"],
            "capabilities": { "bounding": ["CAP_CHOWN"], "effective": [] } });
        let root = as_root(process, true);
        assert_eq!(root["user"]["uid"], 0);
        assert_eq!(root["capabilities"]["effective"], json!(["CAP_CHOWN"]));
        assert_eq!(root["env"], json!(["A=b", "HOME=/root", "TERM=xterm-256color"]));
    }
}
