//! What the control plane sends down the link. In JSON a frame is `{"type": T, "message": {…}}`.

use serde::{Deserialize, Serialize};

use super::exec::ExecuteCommand;
use super::security::SecurityGroups;
use super::task::{RoleCredentials, Task};

/// A frame from the control plane to an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "message")]
pub enum ServerMessage {
    /// All is well; the agent answers with a `HeartbeatAckRequest`.
    HeartbeatMessage(Heartbeat),
    /// Tasks to run, or to stop when their `desired_status` is STOPPED.
    PayloadMessage(Payload),
    /// Every task that the control plane believes to be on this node. What the agent runs beside it is stopped.
    TaskManifestMessage(TaskManifest),
    /// Fresh credentials for a running task.
    #[serde(rename = "IAMRoleCredentialsMessage")]
    IamRoleCredentialsMessage(IamRoleCredentials),
    /// The security groups of the node's interfaces; Longshore's addition.
    SecurityGroupsMessage(SecurityGroups),
    /// A command to run in a container; Longshore's addition.
    ExecuteCommandMessage(ExecuteCommand),
}

/// The periodic sign of life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// Names the message for its acknowledgement.
    pub message_id: String,
    /// False when the control plane wants the agent to reconnect elsewhere.
    pub healthy: bool,
}

/// Tasks for the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    /// Names the message for its acknowledgement.
    pub message_id: String,
    /// The cluster that owns the container instance.
    pub cluster_arn: String,
    /// The container instance that is addressed.
    pub container_instance_arn: String,
    /// Epoch milliseconds.
    pub generated_at: i64,
    /// Rises with every payload for this instance.
    pub seq_num: i64,
    /// The tasks, each with the status it should reach.
    pub tasks: Vec<Task>,
}

/// The control plane's list of what should be on the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskManifest {
    /// Names the message for its acknowledgement.
    pub message_id: String,
    /// The cluster that owns the container instance.
    pub cluster_arn: String,
    /// The container instance that is addressed.
    pub container_instance_arn: String,
    /// Epoch milliseconds.
    pub generated_at: i64,
    /// Rises with every manifest; an older one is ignored.
    pub timeline: i64,
    /// The tasks that belong on the node.
    pub tasks: Vec<TaskIdentifier>,
}

/// One line of a manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskIdentifier {
    /// The task.
    pub task_arn: String,
    /// The cluster it runs in.
    pub task_cluster_arn: String,
    /// RUNNING or STOPPED.
    pub desired_status: String,
}

/// New credentials for one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IamRoleCredentials {
    /// Names the message for its acknowledgement.
    pub message_id: String,
    /// The task whose containers read them.
    pub task_arn: String,
    /// `TaskApplication` or `TaskExecution`.
    pub role_type: String,
    /// The credentials.
    pub role_credentials: RoleCredentials,
}
