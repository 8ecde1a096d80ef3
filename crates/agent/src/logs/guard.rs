//! Two processes a logger, so that neither's death is the end: one works, the other holds the pipes and waits.
//!
//! A worker that is killed is replaced by its guard. A guard that is killed is noticed by its worker, which
//! becomes both anew by running itself again. Only when both are killed at once does the container lose its pipe.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction, signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};

/// Set for a process that goes on where another was killed.
const AGAIN: &str = "LONGSHORE_LOGGER_AGAIN";
/// Between a worker's violent end and the next.
const PAUSE: Duration = Duration::from_millis(20);

static TERMINATED: AtomicBool = AtomicBool::new(false);
static ORPHANED: AtomicBool = AtomicBool::new(false);
static WORKER: AtomicI32 = AtomicI32::new(0);

/// Why a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// There is nothing more to take.
    Done,
    /// It is left alone.
    Orphaned,
}

/// Whether the logger is to take what is left and go.
pub(super) fn is_terminated() -> bool {
    TERMINATED.load(Ordering::Relaxed)
}

/// Whether the worker's guard is gone.
pub(super) fn is_orphaned() -> bool {
    ORPHANED.load(Ordering::Relaxed)
}

/// Whether this process goes on for one that was killed: nobody waits for it to be ready.
pub(super) fn is_again() -> bool {
    std::env::var_os(AGAIN).is_some()
}

extern "C" fn on_term(_signal: nix::libc::c_int) {
    TERMINATED.store(true, Ordering::Relaxed);
    let worker = WORKER.load(Ordering::Relaxed);
    if worker > 0 {
        // SAFETY: kill is async-signal-safe.
        unsafe { nix::libc::kill(worker, nix::libc::SIGTERM) };
    }
}

extern "C" fn on_orphaned(_signal: nix::libc::c_int) {
    ORPHANED.store(true, Ordering::Relaxed);
}

/// Runs `work` in a process of its own, again and again until one ends by itself. `ready` is closed by the first.
pub(super) fn run(
    mut ready: Option<OwnedFd>,
    mut work: impl FnMut(Option<OwnedFd>) -> io::Result<End>,
) -> io::Result<ExitCode> {
    for (number, handler) in
        [(Signal::SIGTERM, on_term as extern "C" fn(nix::libc::c_int)), (Signal::SIGUSR1, on_orphaned)]
    {
        let action = SigAction::new(SigHandler::Handler(handler), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handlers only touch atomics and send a signal, which is allowed in a signal handler.
        unsafe { sigaction(number, &action)? };
    }
    loop {
        let guard = getpid();
        // SAFETY: this process has one thread, so the child may do whatever its parent might.
        match unsafe { fork()? } {
            ForkResult::Child => {
                WORKER.store(0, Ordering::Relaxed);
                if let Err(errno) = set_pdeathsig(Signal::SIGUSR1) {
                    finish(Err(errno.into()));
                }
                // The guard may have died before we asked to be told.
                if getppid() != guard {
                    ORPHANED.store(true, Ordering::Relaxed);
                }
                finish(work(ready.take()));
            }
            ForkResult::Parent { child } => {
                WORKER.store(child.as_raw(), Ordering::Relaxed);
                drop(ready.take());
                if is_terminated() {
                    on_term(0);
                }
                let ended = wait(child)?;
                WORKER.store(0, Ordering::Relaxed);
                if let Some(code) = ended {
                    return Ok(code);
                }
                pause();
            }
        }
    }
}

/// The worker's end of the process, or its new beginning.
fn finish(end: io::Result<End>) -> ! {
    let code = match end {
        Ok(End::Done) => 0,
        Ok(End::Orphaned) => {
            // The wish to be told outlives exec, where nobody listens at first.
            let _ = set_pdeathsig(None);
            // SAFETY: ignoring a signal runs no code of ours.
            let _ = unsafe { signal(Signal::SIGUSR1, SigHandler::SigIgn) };
            let mut arguments = std::env::args_os();
            let mut command = Command::new("/proc/self/exe");
            arguments.next().into_iter().for_each(|name| {
                command.arg0(name);
            });
            let error = command.args(arguments).env(AGAIN, "1").exec();
            eprintln!("longshore logger: running again: {error}");
            1
        }
        Err(error) => {
            eprintln!("longshore logger: {error}");
            1
        }
    };
    // What belongs to the guard (its files' buffers, a test's harness) is not this process's to end.
    // SAFETY: _exit takes any code and does not return.
    unsafe { nix::libc::_exit(code) }
}

/// The code of a worker that ended by itself; none for a killed one.
fn wait(worker: Pid) -> io::Result<Option<ExitCode>> {
    loop {
        match waitpid(worker, None) {
            Ok(WaitStatus::Exited(_, code)) => {
                return Ok(Some(ExitCode::from(u8::try_from(code).unwrap_or(1))));
            }
            Ok(WaitStatus::Signaled(..)) => return Ok(None),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this process has nothing else to do than to wait")]
fn pause() {
    std::thread::sleep(PAUSE);
}
