//! What a node tells the control plane: ECS's own Submit* operations and telemetry, typed.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use super::exec::ExecStream;
use super::names::Resolution;

/// SubmitTaskStateChange, with its containers and attachments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskStateChange {
    /// The cluster's ARN.
    pub cluster: String,
    /// The task's ARN.
    pub task: String,
    /// PENDING, ACTIVATING, RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING or STOPPED.
    pub status: String,
    /// Why the task stops, as the user will read it in `stoppedReason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, as one of ECS's stop codes; Longshore's addition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_code: Option<String>,
    /// The containers whose state is reported.
    #[serde(default)]
    pub containers: Vec<ContainerStateChange>,
    /// Attachments (interfaces) whose state is reported.
    #[serde(default)]
    pub attachments: Vec<AttachmentStateChange>,
    /// Epoch milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_started_at: Option<i64>,
    /// Epoch milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_stopped_at: Option<i64>,
    /// When the first essential container exited; epoch milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_stopped_at: Option<i64>,
}

/// One container's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStateChange {
    /// The container's name.
    pub container_name: String,
    /// PENDING, RUNNING or STOPPED.
    pub status: String,
    /// The runtime's id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_id: Option<String>,
    /// The digest of the image that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// Its exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// Why it stopped or never started: `CannotPullContainerError: …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Published ports.
    #[serde(default)]
    pub network_bindings: Vec<NetworkBinding>,
    /// HEALTHY, UNHEALTHY or UNKNOWN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_status: Option<String>,
}

/// A published port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkBinding {
    /// The node's address.
    pub bind_ip: String,
    /// The container's port.
    pub container_port: u16,
    /// The node's port.
    pub host_port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// An attachment's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentStateChange {
    /// The attachment's ARN.
    pub attachment_arn: String,
    /// ATTACHED or DETACHED.
    pub status: String,
}

/// RegisterContainerInstance for a node that offers itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRegistration {
    /// The node's stable id: 32 hex digits kept in its data directory.
    pub node_id: String,
    /// CPU units (1024 a core).
    pub cpu_units: u32,
    /// Memory in MiB that tasks may use.
    pub memory_mib: u32,
    /// `name` to `value` (empty when it has none).
    pub attributes: Vec<(String, String)>,
    /// The agent's version.
    pub agent_version: String,
    /// Tasks already on the node, by ARN: adopted after a restart.
    pub known_tasks: Vec<String>,
    /// The cluster in which the node is a container instance; `None` offers Fargate capacity alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Whether nobody chose that cluster.
    #[serde(default)]
    pub cluster_by_default: bool,
    /// TCP ports of the machine that no task may take.
    #[serde(default)]
    pub reserved_ports: Vec<u16>,
}

/// Log lines of one container on their way to the log store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogBatch {
    /// The task whose execution role writes them; empty where nobody's role is asked.
    #[serde(default)]
    pub task_arn: String,
    /// The account and region that own the group.
    pub account: String,
    /// The region.
    pub region: String,
    /// The log group.
    pub log_group: String,
    /// The log stream.
    pub log_stream: String,
    /// Whether a missing group is created (`awslogs-create-group`).
    pub create_group: bool,
    /// Names the spool; with `offset` it makes shipping idempotent.
    pub source: String,
    /// Where in the spool the batch begins. A batch at or below what the store has is acknowledged and dropped.
    pub offset: u64,
    /// Where the next batch will begin.
    pub next_offset: u64,
    /// The events in order.
    pub events: Vec<LogEvent>,
}

/// One log event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogEvent {
    /// Epoch milliseconds.
    pub timestamp: i64,
    /// The text, without its line end.
    pub message: String,
}

/// What a task asks of its protection from scale-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtectionRequest {
    /// How it is.
    Get,
    /// That it ends.
    Unprotect,
    /// That it begins anew, for so many minutes when they are named.
    Protect(Option<i32>),
}

/// A task's protection from scale-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Until when, in epoch milliseconds; `None` when it has none.
    pub until: Option<i64>,
}

/// What the control plane answered to a node, when it refused.
#[derive(Clone, Debug, PartialEq)]
pub struct UplinkError {
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// The service's error code, such as `ResourceNotFoundException`.
    pub code: String,
    /// The service's message.
    pub message: String,
}

impl fmt::Display for UplinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for UplinkError {}

/// A boxed future, so that [`Uplink`] can be a trait object.
pub type UplinkFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, UplinkError>> + Send + 'a>>;

/// The calls a node makes: in memory inside `longshore up`, over HTTPS from `longshore agent`.
/// Every call may be repeated; repeating changes nothing.
pub trait Uplink: Send + Sync {
    /// Announces the node and its capacity; answers with the container instance's ARN.
    fn register(&self, node: NodeRegistration) -> UplinkFuture<'_, String>;
    /// Reports a task's state.
    fn submit_task_state_change(&self, change: TaskStateChange) -> UplinkFuture<'_, ()>;
    /// Writes log lines durably. An answer means that they survive a crash of the log store.
    fn put_log_events(&self, batch: LogBatch) -> UplinkFuture<'_, ()>;
    /// Makes sure that the group (if asked) and the stream exist, and answers the first spool offset still wanted.
    fn open_log_stream(&self, batch: LogBatch) -> UplinkFuture<'_, u64>;
    /// A user name and password for the registry at `host`, when the control plane knows it.
    fn registry_login(&self, task_arn: String, host: String) -> UplinkFuture<'_, Option<(String, String)>>;
    /// What is known of a name that a task asks for; lower case, without the dot at its end.
    fn resolve(&self, task_arn: String, name: String) -> UplinkFuture<'_, Resolution> {
        // A control plane that serves no names leaves them to the node's resolvers.
        let _ = (task_arn, name);
        Box::pin(async { Ok(Resolution::Elsewhere) })
    }
    /// The text of a file of environment variables, named by its S3-style ARN.
    fn environment_file(&self, task_arn: String, file_arn: String) -> UplinkFuture<'_, String> {
        let message = format!("{task_arn} wants {file_arn}, and nobody keeps files here");
        let error = UplinkError { retryable: false, code: "NoSuchBucket".into(), message };
        Box::pin(async move { Err(error) })
    }
    /// Asks for a task's protection, or changes it. An uplink that knows of none refuses.
    fn protection(&self, task_arn: String, _request: ProtectionRequest) -> UplinkFuture<'_, Protection> {
        let message = format!("nobody protects {task_arn}");
        let error = UplinkError { retryable: false, code: "ServerException".into(), message };
        Box::pin(async move { Err(error) })
    }
    /// A sign of life; the control plane marks a silent node disconnected.
    fn heartbeat(&self, node_id: String) -> UplinkFuture<'_, ()>;
    /// Opens the stream of an exec session that the control plane asked for. An uplink that knows none refuses.
    fn open_exec(&self, session_id: String) -> UplinkFuture<'_, ExecStream> {
        Box::pin(async move {
            Err(UplinkError {
                retryable: false,
                code: "InvalidParameterException".into(),
                message: format!("there is no session {session_id}"),
            })
        })
    }
}
