//! What a task's runner needs from its neighbours: images, output, metadata.
//!
//! They are traits so that a runner can be tested without a registry or a log store.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use wire::link;

use super::record::{PulledImage, Record};
use crate::logs::Subject;
use crate::runtime::Stdio;

/// Brings images to the node.
#[async_trait]
pub trait ImageSource: Send + Sync {
    /// Makes an image ready to run; an error is a reason as ECS words it (`CannotPullContainerError: …`).
    async fn pull(&self, reference: &str, login: Option<(String, String)>) -> Result<PulledImage, String>;
}

/// Whose output is to be kept.
#[derive(Clone, Debug)]
pub struct LogTarget {
    /// The task's ARN.
    pub task_arn: String,
    /// FARGATE, EC2 or EXTERNAL.
    pub launch_type: String,
    /// The container's name.
    pub container_name: String,
    /// The container's id in containerd.
    pub runtime_id: String,
    /// Where the output is to go.
    pub config: link::LogConfig,
    /// Whether its standard input stays open though nobody writes into it.
    pub interactive: bool,
    /// What a driver may say of it.
    pub subject: Subject,
}

/// Keeps what containers write.
#[async_trait]
pub trait LogSink: Send + Sync {
    /// Prepares for a container's output and answers where its process is to write;
    /// an error is a reason as ECS words it.
    async fn prepare(&self, target: &LogTarget) -> Result<Stdio, String>;
    /// Makes sure, just before a start, that whoever takes the output is there, where the driver insists on it;
    /// an error is a reason as ECS words it.
    async fn connect(&self, target: &LogTarget) -> Result<(), String> {
        let _ = target;
        Ok(())
    }
    /// Waits a moment until what an ended container has written has been taken by whom it is for.
    async fn drained(&self, runtime_id: &str) {
        let _ = runtime_id;
    }
    /// Takes notice that a container will write no more.
    async fn finish(&self, runtime_id: &str);
}

/// Serves a task's metadata inside its network namespace.
#[async_trait]
pub trait MetadataHost: Send + Sync {
    /// Serves until the answer is dropped, in a network namespace or on the node's loopback. `task` always holds the
    /// present record.
    async fn serve(
        &self,
        netns: Option<PathBuf>,
        task: watch::Receiver<Arc<Record>>,
    ) -> Result<MetadataGuard, String>;
}

/// Ends a metadata endpoint when it is dropped.
pub type MetadataGuard = Box<dyn std::any::Any + Send + Sync>;
