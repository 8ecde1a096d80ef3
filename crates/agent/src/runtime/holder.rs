//! Holds the namespaces that the containers of a task share (`pidMode` and `ipcMode` `task`): what ECS's pause
//! container does, without a container.
//!
//! The holder is this binary, run again. It is the first process of the shared pid namespace, where it reaps what
//! nobody waits for, and lives in the task's control group, by which it is found again after a restart of the agent.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, setsid};

/// Which namespaces are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The processes'.
    pub pid: bool,
    /// System V and POSIX messages, semaphores and shared memory.
    pub ipc: bool,
}

impl Held {
    /// Whether nothing is held.
    pub fn is_none(self) -> bool {
        !self.pid && !self.ipc
    }
}

/// Starts a holder and answers its process. Calls block for a moment.
pub fn start(executable: &Path, held: Held) -> io::Result<u32> {
    let kinds = [(held.pid, "pid"), (held.ipc, "ipc")];
    let kinds = kinds.iter().filter(|(wanted, _)| *wanted).map(|(_, name)| *name);
    let mut command = Command::new(executable);
    command.arg("holder").args(kinds).current_dir("/");
    let output = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    told.trim().parse().map_err(|_| {
        let complaint = String::from_utf8_lossy(&output.stderr).trim().to_string();
        io::Error::other(format!("no process holds the task's namespaces: {complaint}"))
    })
}

/// Ends a holder, and with it all that is left in its pid namespace.
pub fn end(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// The whole of `longshore holder [pid] [ipc]`: prints the holder's process and leaves it behind.
pub fn holder_main(kinds: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    match hold(kinds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("longshore holder: {error}");
            ExitCode::FAILURE
        }
    }
}

fn hold(kinds: impl Iterator<Item = std::ffi::OsString>) -> io::Result<()> {
    let mut flags = CloneFlags::empty();
    for kind in kinds {
        match kind.to_str() {
            Some("pid") => flags |= CloneFlags::CLONE_NEWPID,
            Some("ipc") => flags |= CloneFlags::CLONE_NEWIPC,
            _ => return Err(io::Error::other("it holds pid and ipc only")),
        }
    }
    setsid()?;
    unshare(flags)?;
    // SAFETY: this process has one thread, so the child may do whatever it wants.
    match unsafe { fork()? } {
        ForkResult::Parent { child } => {
            println!("{child}");
            io::stdout().flush()
        }
        ForkResult::Child => {
            // The agent waits for the end of these.
            for descriptor in 0..=2 {
                let _ = nix::unistd::close(descriptor);
            }
            reap()
        }
    }
}

/// Waits for orphans until it is killed.
fn reap() -> ! {
    let signals = SigSet::all();
    let _ = signals.thread_block();
    loop {
        let _ = signals.wait();
        while let Ok(status) = waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
            if status == WaitStatus::StillAlive {
                break;
            }
        }
    }
}
