//! One command, from its start to its end, between the stream of its session and its pipes.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio_util::sync::CancellationToken;
use wire::link::{ExecInput, ExecOutput, ExecSink, ExecSource, ExecStream, ExecuteCommand};

use super::directory;
use super::pipes::{Ends, Pipes};
use crate::runtime::ProcessState;
use crate::task::{Node, error_chain};

/// What is read at once.
const CHUNK: usize = 16 << 10;
/// How long a process that was asked to end may take before it is killed.
const HANG_UP_PATIENCE: Duration = Duration::from_secs(1);
/// What an ended command's children write is taken while no more than this passes without any.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long a killed command may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// Serves a session to its end.
pub async fn session(node: &Node, command: &ExecuteCommand, stop: CancellationToken) {
    let ExecStream { mut source, mut sink } = match node.uplink.open_exec(command.session_id.clone()).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(session = command.session_id, %error, "an exec session is not to be had");
            return;
        }
    };
    let ran = run(node, command, source.as_mut(), sink.as_mut(), stop).await;
    let last = match ran {
        Ok(code) => ExecOutput::Exited(code),
        Err(reason) => {
            tracing::info!(session = command.session_id, reason, "a command was not executed");
            ExecOutput::Failed(reason)
        }
    };
    sink.send(last).await;
}

async fn run(
    node: &Node,
    command: &ExecuteCommand,
    source: &mut dyn ExecSource,
    sink: &mut dyn ExecSink,
    stop: CancellationToken,
) -> Result<u32, String> {
    let (container, exec) = (command.runtime_id.as_str(), command.session_id.as_str());
    match node.runtime.state(container).await {
        Ok(ProcessState::Running { .. }) => {}
        Ok(ProcessState::Missing | ProcessState::Created | ProcessState::Stopped { .. }) => {
            return Err(format!("Container {} is not running.", command.container_name));
        }
        Err(error) => return Err(error_chain(&error)),
    }
    let failed = |error: std::io::Error| format!("Unable to start command: {error}");
    let mut pipes = Pipes::make(&directory(node), container, exec, command.terminal).map_err(failed)?;
    let stdin = pipes.stdin().map_err(failed)?;
    let added =
        node.runtime.add_exec(container, exec, &command.command, pipes.stdio(), command.terminal).await;
    added.map_err(|error| format!("Unable to start command: {}", error_chain(&error)))?;
    let started = node.runtime.start_exec(container, exec).await;
    let outcome = match started {
        Ok(()) => match pipes.connect(stdin) {
            Ok(ends) => Process { node, container, exec }.attend(ends, source, sink, stop).await,
            Err(error) => Err(failed(error)),
        },
        Err(error) => Err(format!("Unable to start command: {}", error_chain(&error))),
    };
    if let Err(error) = node.runtime.delete_exec(container, exec).await {
        tracing::debug!(exec, error = error_chain(&error), "forgetting an ended command");
    }
    outcome
}

/// A command that has started.
struct Process<'a> {
    node: &'a Node,
    container: &'a str,
    exec: &'a str,
}

impl Process<'_> {
    async fn attend(
        &self,
        ends: Ends,
        source: &mut dyn ExecSource,
        sink: &mut dyn ExecSink,
        stop: CancellationToken,
    ) -> Result<u32, String> {
        let exited = CancellationToken::new();
        let mut code = None;
        let exit = self.node.runtime.wait_exec(self.container, self.exec);
        let output = drain(ends.stdout, ends.stderr, sink, exited.clone());
        let input = self.feed(ends.stdin, source);
        tokio::pin!(exit, output, input);
        let (mut output_ended, mut input_ended) = (false, false);
        while code.is_none() || !output_ended {
            tokio::select! {
                biased;
                () = stop.cancelled(), if code.is_none() => {
                    code = Some(self.end(exit.as_mut()).await);
                    break;
                }
                () = &mut input, if !input_ended && code.is_none() => {
                    input_ended = true;
                    code = Some(self.end(exit.as_mut()).await);
                    exited.cancel();
                }
                wanted = &mut output, if !output_ended => {
                    output_ended = true;
                    if !wanted && code.is_none() {
                        code = Some(self.end(exit.as_mut()).await);
                    }
                }
                status = &mut exit, if code.is_none() => {
                    code = Some(status);
                    exited.cancel();
                }
            }
        }
        code.flatten().ok_or_else(|| "The command was lost with its container.".to_string())
    }

    /// Gives the command its input until the session is over.
    async fn feed(&self, stdin: pipe::Sender, source: &mut dyn ExecSource) {
        let mut stdin = Some(stdin);
        while let Some(input) = source.next().await {
            match input {
                ExecInput::Data(bytes) => {
                    if let Some(pipe) = &mut stdin
                        && pipe.write_all(&bytes).await.is_err()
                    {
                        stdin = None;
                    }
                }
                ExecInput::Resize { columns, rows } => {
                    // A command that has just ended has no terminal any more.
                    let _ = self.node.runtime.resize_exec(self.container, self.exec, columns, rows).await;
                }
                ExecInput::End => {
                    stdin = None;
                    let _ = self.node.runtime.close_exec_stdin(self.container, self.exec).await;
                }
            }
        }
    }

    /// Ends the command: hangs up, then kills.
    async fn end(&self, mut exit: std::pin::Pin<&mut impl Future<Output = Option<u32>>>) -> Option<u32> {
        let signals = [(nix::libc::SIGHUP, HANG_UP_PATIENCE), (nix::libc::SIGKILL, KILL_PATIENCE)];
        for (signal, patience) in signals {
            let _ = self.node.runtime.kill_exec(self.container, self.exec, signal as u32).await;
            if let Ok(code) = tokio::time::timeout(patience, exit.as_mut()).await {
                return code;
            }
        }
        None
    }
}

/// Hands over what the command writes until it is all there; false when nobody wants it.
async fn drain(
    mut stdout: pipe::Receiver,
    mut stderr: Option<pipe::Receiver>,
    sink: &mut dyn ExecSink,
    exited: CancellationToken,
) -> bool {
    let (mut out, mut err) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut out_ended = false;
    while !out_ended || stderr.is_some() {
        let quiet = async {
            exited.cancelled().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        let output = tokio::select! {
            biased;
            read = stdout.read(&mut out), if !out_ended => match read {
                Ok(count) if count > 0 => ExecOutput::Stdout(out[..count].to_vec()),
                Ok(_) | Err(_) => { out_ended = true; continue; }
            },
            read = read_some(&mut stderr, &mut err) => match read {
                Ok(count) if count > 0 => ExecOutput::Stderr(err[..count].to_vec()),
                Ok(_) | Err(_) => { stderr = None; continue; }
            },
            () = quiet => break,
        };
        if !sink.send(output).await {
            return false;
        }
    }
    true
}

async fn read_some(pipe: &mut Option<pipe::Receiver>, buffer: &mut [u8]) -> std::io::Result<usize> {
    match pipe {
        Some(pipe) => pipe.read(buffer).await,
        None => std::future::pending().await,
    }
}
