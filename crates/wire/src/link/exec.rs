//! ECS Exec on the link: Longshore's addition, which an Amazon agent ignores.
//!
//! The control plane asks by a message; the node opens a stream in answer. In memory both ends are
//! channels; over a network they would be a websocket that the node opens.

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

/// Asks a node for a command in a running container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecuteCommand {
    /// Names the stream that the node opens.
    pub session_id: String,
    /// The task.
    pub task_arn: String,
    /// The container's name.
    pub container_name: String,
    /// The runtime's id of the container.
    pub runtime_id: String,
    /// The command, word by word.
    pub command: Vec<String>,
    /// Whether the command has a terminal.
    pub terminal: bool,
}

/// What a command is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecInput {
    /// Bytes for its standard input.
    Data(Vec<u8>),
    /// Its terminal's size.
    Resize {
        /// Columns.
        columns: u32,
        /// Rows.
        rows: u32,
    },
    /// Its standard input ends.
    End,
}

/// What comes of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecOutput {
    /// Bytes from its terminal, or its standard output.
    Stdout(Vec<u8>),
    /// Bytes from its standard error.
    Stderr(Vec<u8>),
    /// It has ended, and all of its output has come before.
    Exited(u32),
    /// It could not be started, or was lost.
    Failed(String),
}

/// A boxed future of an end of a stream.
pub type ExecFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a node takes a command's input from.
pub trait ExecSource: Send {
    /// The next input; `None` when the session is over and the command is to end.
    fn next(&mut self) -> ExecFuture<'_, Option<ExecInput>>;
}

/// Where a node puts a command's output.
pub trait ExecSink: Send {
    /// Hands it over, waiting for room; false when nobody wants it any more.
    fn send(&mut self, output: ExecOutput) -> ExecFuture<'_, bool>;
}

/// A node's end of a session.
pub struct ExecStream {
    /// Input.
    pub source: Box<dyn ExecSource>,
    /// Output.
    pub sink: Box<dyn ExecSink>,
}
