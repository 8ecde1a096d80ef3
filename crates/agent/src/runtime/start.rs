//! Starting a container's process exactly once, although the answer to any request may be lost with the containerd
//! that was to give it.
//!
//! Until the start itself was asked for, everything may be made anew. From then on the process may have run: it is
//! taken as it is found, and one that is gone has ended. [`next`] holds these rules.

use std::process::Stdio as Stdin;
use std::time::{Duration, Instant};

use containerd_client::services::v1::{CreateTaskRequest, DeleteTaskRequest, StartRequest};
use containerd_client::types::Mount;
use futures_util::FutureExt as _;
use tonic::{Code, Status};

use super::{Error, ProcessState, Runtime, Stdio};
use crate::task::timing::timed;

/// A start that containerd could not be asked for is tried again for so long, as the ECS agent does by default.
const PATIENCE: Duration = Duration::from_secs(3 * 60);
const ATTEMPT_PAUSE: Duration = Duration::from_millis(500);
const LEFTOVER_TIMEOUT: Duration = Duration::from_secs(10);
/// The process of a container that has ended before anybody saw it run.
const ENDED: u32 = 0;

/// What to do about a process that an earlier attempt may have made.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// It runs or has run: nothing is to be done.
    Take(u32),
    /// It waits to be started.
    Start,
    /// It was never started, and is to be made once more.
    Make,
}

/// Decides from what is found; `asked` is whether a start was asked for before.
fn next(found: ProcessState, asked: bool) -> Next {
    match found {
        ProcessState::Running { pid } => Next::Take(pid),
        // The exit is waited for as always: its code is still known.
        ProcessState::Stopped { .. } => Next::Take(ENDED),
        ProcessState::Created => Next::Start,
        ProcessState::Missing if asked => Next::Take(ENDED),
        ProcessState::Missing => Next::Make,
    }
}

/// What a process starts from.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// Where its output goes.
    pub stdio: Stdio,
    /// Whether it has a terminal.
    pub terminal: bool,
    /// How its root file system is mounted; empty when containerd is to be asked.
    pub mounts: Vec<Mount>,
}

impl Runtime {
    /// Starts a container's process, in a fresh shim, and answers its pid: 0 for one that has ended already. The process
    /// is made meanwhile, but not started before `ready`.
    pub async fn start(
        &self,
        id: &str,
        start: &Start,
        ready: impl Future<Output = Result<(), String>>,
    ) -> Result<u32, Error> {
        let (mut asked, ready) = (false, ready.shared());
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.start_once(id, start, ready.clone(), &mut asked).await {
                Err(error) if error.is_temporary() && Instant::now() < deadline => {
                    tokio::time::sleep(ATTEMPT_PAUSE).await;
                }
                other => return other,
            }
        }
    }

    async fn start_once(
        &self,
        id: &str,
        start: &Start,
        ready: impl Future<Output = Result<(), String>>,
        asked: &mut bool,
    ) -> Result<u32, Error> {
        let (made, ready) = tokio::join!(
            async { if *asked { Ok(false) } else { self.make_process(id, start).await } },
            timed("wait_for_network", ready)
        );
        if !made? {
            match next(self.state(id).await?, *asked) {
                Next::Take(pid) => return Ok(pid),
                Next::Start => {}
                Next::Make => {
                    self.delete_by_force(id).await;
                    return Err(Error::Silent { attempt: "starting", id: id.to_string() });
                }
            }
        }
        if let Err(reason) = ready {
            let _ = self.delete_process(id).await;
            return Err(Error::Unready(reason));
        }
        *asked = true;
        let mut tasks = self.connection().client().tasks();
        let request = StartRequest { container_id: id.to_string(), exec_id: String::new() };
        let started = self.ask("starting", id, tasks.start(self.connection().request(request)));
        match timed("start_process", started).await {
            Ok(answer) => Ok(answer.pid),
            Err(error) if error.is_temporary() => Err(error),
            // Refused because an earlier request was not as lost as it seemed, or for good.
            Err(error) => match self.state(id).await {
                Ok(ProcessState::Running { pid }) => Ok(pid),
                _ => {
                    let _ = self.delete_process(id).await;
                    Err(error)
                }
            },
        }
    }

    /// Makes the process, which waits to be started; false when there is one already.
    async fn make_process(&self, id: &str, start: &Start) -> Result<bool, Error> {
        let mut tasks = self.connection().client().tasks();
        let (stdio, terminal) = (&start.stdio, start.terminal);
        let known = Some(start.mounts.clone()).filter(|mounts| !mounts.is_empty());
        let request = CreateTaskRequest {
            container_id: id.to_string(),
            rootfs: if let Some(mounts) = known { mounts } else { self.rootfs_mounts(id).await? },
            stdin: stdio.stdin_path.clone(),
            stdout: stdio.stdout_uri.clone(),
            stderr: if terminal { String::new() } else { stdio.stderr_uri.clone() },
            terminal,
            ..CreateTaskRequest::default()
        };
        let created = self.ask("starting", id, tasks.create(self.connection().request(request)));
        match timed("start_shim_and_create", created).await {
            Ok(_) => Ok(true),
            Err(Error::Request { source, .. }) if source.code() == Code::AlreadyExists => Ok(false),
            Err(Error::Request { source, .. }) if is_left_over(&source) && self.remove_bundle(id) => {
                Err(Error::Silent { attempt: "starting", id: id.to_string() })
            }
            Err(Error::Request { source, .. }) if is_made_already(&source) => {
                self.end_leftover(id).await;
                Err(Error::Silent { attempt: "starting", id: id.to_string() })
            }
            Err(error) => {
                if error.is_temporary() {
                    self.end_leftover(id).await;
                } else {
                    let _ = self.delete_process(id).await;
                }
                Err(error)
            }
        }
    }

    /// Removes the directory that a killed containerd had made for a process, and does not know any more.
    fn remove_bundle(&self, id: &str) -> bool {
        let bundles = self.run_dir.join("containerd").join("io.containerd.runtime.v2.task");
        let bundle = bundles.join(crate::config::CONTAINERD_NAMESPACE).join(id);
        let _ = nix::mount::umount2(&bundle.join("rootfs"), nix::mount::MntFlags::MNT_DETACH);
        std::fs::remove_dir_all(bundle).is_ok()
    }

    /// Ends the shim of a creation that was cut short, and what it has made, after containerd has lost sight of it: its
    /// logger would keep the next one waiting for the spool.
    pub(super) async fn end_leftover(&self, id: &str) {
        crate::containerd::end_shim(self.connection().address(), id);
        let mut command = tokio::process::Command::new(self.oci.path());
        command.arg("--root").arg(self.oci_root().join(crate::config::CONTAINERD_NAMESPACE));
        command.args(["delete", "--force", id]).kill_on_drop(true);
        command.stdin(Stdin::null()).stdout(Stdin::null()).stderr(Stdin::null());
        // Mostly there is nothing, and that is its complaint.
        let _ = tokio::time::timeout(LEFTOVER_TIMEOUT, command.status()).await;
    }

    /// Ends a process whose shim cannot be reached any more, and the shim.
    pub async fn abandon(&self, id: &str) {
        self.delete_by_force(id).await;
        crate::containerd::end_shim(self.connection().address(), id);
    }

    /// Ends a creation that the end of its containerd cut short.
    async fn delete_by_force(&self, id: &str) {
        let _ = self.kill(id, nix::libc::SIGKILL as u32).await;
        let request = DeleteTaskRequest { container_id: id.to_string() };
        let mut tasks = self.connection().client().tasks();
        let deleted =
            self.ask("deleting the process of", id, tasks.delete(self.connection().request(request))).await;
        if let Err(error) = deleted {
            tracing::warn!(id, error = &error as &dyn std::error::Error, "a half-made process stays");
        }
    }
}

/// Whether containerd stumbles over what an earlier one of it left.
fn is_left_over(status: &Status) -> bool {
    status.message().contains("failed to start shim: mkdir") && status.message().contains("file exists")
}

/// Whether the OCI runtime has a container of the name which containerd does not know any more.
fn is_made_already(status: &Status) -> bool {
    let text = status.message();
    text.contains("OCI runtime create failed")
        && (text.contains("already exists") || text.contains("already in use"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_run_is_never_started_again() {
        let stopped = ProcessState::Stopped { exit_code: 0, exited_at: 1 };
        for asked in [false, true] {
            assert_eq!(next(ProcessState::Running { pid: 7 }, asked), Next::Take(7));
            assert_eq!(next(stopped, asked), Next::Take(ENDED));
            assert_eq!(next(ProcessState::Created, asked), Next::Start);
        }
        assert_eq!(next(ProcessState::Missing, true), Next::Take(ENDED));
        assert_eq!(next(ProcessState::Missing, false), Next::Make);
    }
}
