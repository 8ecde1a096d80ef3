//! ECS Exec on the node: commands in running containers, each with a stream of its own.
//!
//! A command lives as long as its stream: when the client, the control plane or this agent goes, it is
//! ended. What a killed agent left running is found by its pipes and ended at the next start.

mod pipes;
mod serve;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wire::link::ExecuteCommand;

use crate::task::Node;

/// How long the end of all commands may take.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// The commands that run.
pub struct Execs {
    node: Arc<Node>,
    running: JoinSet<()>,
    stop: CancellationToken,
}

impl Execs {
    /// None yet; what an earlier agent left is ended.
    pub async fn start(node: Arc<Node>) -> Execs {
        for (container, exec) in pipes::leftovers(&directory(&node)) {
            tracing::info!(container, exec, "ending a command that an earlier agent began");
            let _ = node.runtime.kill_exec(&container, &exec, nix::libc::SIGKILL as u32).await;
            let _ = node.runtime.delete_exec(&container, &exec).await;
        }
        let _ = tokio::fs::remove_dir_all(directory(&node)).await;
        Execs { node, running: JoinSet::new(), stop: CancellationToken::new() }
    }

    /// Serves a session that the control plane asks for.
    pub fn serve(&mut self, command: ExecuteCommand) {
        while self.running.try_join_next().is_some() {}
        let (node, stop) = (self.node.clone(), self.stop.child_token());
        self.running.spawn(async move { serve::session(&node, &command, stop).await });
    }

    /// Ends all commands.
    pub async fn shutdown(&mut self) {
        self.stop.cancel();
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN, all).await.is_err() {
            tracing::warn!("some executed commands did not end in time; the next start ends them");
        }
    }
}

/// Where the pipes of commands are: `DIRECTORY/CONTAINER/EXEC/`.
fn directory(node: &Node) -> PathBuf {
    node.config.run_dir().join("exec")
}
