//! The process that takes a container's output. Plain threads and polling: it starts in a few
//! milliseconds, stays small, and depends on nobody who might die.
//!
//! containerd's shim hands it the reading ends of the container's pipes as descriptors 3 and 4, and
//! waits until descriptor 5 is closed. It ends when both pipes have, or on SIGTERM, which the shim
//! sends when the container is deleted: then it takes what is in the pipes and goes. For an interactive container
//! the agent starts it (`interactive.rs`), with named pipes as descriptors 0 and 1.
//!
//! Killed at any point it loses and repeats nothing: see `guard.rs` and `intake.rs`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::drain::{Drain, pause};
use super::frame::{Record, Stream, encode};
use super::guard::{self, End};
use super::intake::{Intake, Taken};
use super::lines::Lines;
use super::spool::WhenFull;

const STDOUT_FD: RawFd = 3;
const STDERR_FD: RawFd = 4;
const READY_FD: RawFd = 5;
/// The argument that says: the pipes are descriptors 0 and 1, and nobody waits.
pub(super) const STANDARD: &str = "standard";
/// How long a named pipe may have no writer at all: a start that fails never opens it.
const FIRST_WRITER: Duration = Duration::from_secs(300);
const READ_BYTES: usize = 64 << 10;
/// Read from one pipe before the other gets its turn.
const TURN_BYTES: usize = 1 << 20;

/// The whole of `longshore logger DIR`.
pub fn logger_main(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(dir) = args.next().map(PathBuf::from) else {
        eprintln!("longshore logger is started by containerd, with the directory of a spool");
        return ExitCode::from(2);
    };
    let standard = args.next().is_some_and(|word| word == STANDARD);
    // SAFETY: whoever started this process gave it the descriptor, and nothing here has used it yet.
    let ready = (!standard && !guard::is_again()).then(|| unsafe { OwnedFd::from_raw_fd(READY_FD) });
    match guard::run(ready, |ready| work(&dir, standard, ready)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("longshore logger: {}: {error}", dir.display());
            ExitCode::FAILURE
        }
    }
}

fn work(dir: &Path, standard: bool, ready: Option<OwnedFd>) -> io::Result<End> {
    // SAFETY: the guard keeps these descriptors open and does not use them; in this process nothing else does.
    let take = |fd: RawFd| unsafe { OwnedFd::from_raw_fd(fd) };
    let (stdout, stderr) = if standard { (take(0), take(1)) } else { (take(STDOUT_FD), take(STDERR_FD)) };
    let mut drain = Drain::open(dir)?;
    let begin = drain.marked();
    let patience = standard.then(|| Instant::now() + FIRST_WRITER);
    let mut pipes = [
        Pipe::new(stdout, Intake::open(dir, Stream::Stdout, begin.stdout)?, Stream::Stdout, patience)?,
        Pipe::new(stderr, Intake::open(dir, Stream::Stderr, begin.stderr)?, Stream::Stderr, patience)?,
    ];
    drain.begin(pipes[0].intake.position(), pipes[1].intake.position());
    drop(ready);
    while pipes.iter().any(|pipe| pipe.is_open) {
        let last_turn = guard::is_terminated();
        if !last_turn {
            wait(&pipes)?;
        }
        let mut progress = false;
        for pipe in &mut pipes {
            progress |= pipe.take_turn(&mut drain)?;
        }
        flush(&mut drain, &mut pipes)?;
        if last_turn && !progress {
            break;
        }
        if guard::is_orphaned() && pipes.iter().any(|pipe| pipe.is_open) {
            // The descriptors go on with the program that is run next.
            pipes.into_iter().for_each(|pipe| std::mem::forget(pipe.file));
            return Ok(End::Orphaned);
        }
    }
    for pipe in &mut pipes {
        pipe.finish(drain.records());
    }
    while !flush(&mut drain, &mut pipes)? {}
    Ok(End::Done)
}

/// Appends what was gathered, and forgets the raw bytes of it. False when it must be tried again.
fn flush(drain: &mut Drain, pipes: &mut [Pipe; 2]) -> io::Result<bool> {
    let is_done = drain.flush()?;
    let marked = drain.marked();
    pipes[0].intake.forget_before(marked.stdout);
    pipes[1].intake.forget_before(marked.stderr);
    Ok(is_done)
}

/// Waits until a pipe has something or a signal comes; at most a second, since a signal may come just before.
fn wait(pipes: &[Pipe]) -> io::Result<()> {
    let open = pipes.iter().filter(|pipe| pipe.is_open).map(|pipe| &pipe.file);
    let mut polled: Vec<_> = open.map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN)).collect();
    match poll(&mut polled, PollTimeout::from(1000u16)) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

struct Pipe {
    /// Stays open to the end, so that its number belongs to nothing else when the logger runs itself again.
    file: File,
    /// Whether something may still come.
    is_open: bool,
    intake: Intake,
    stream: Stream,
    lines: Lines,
    /// Until when the lack of a writer is no end.
    awaited_until: Option<Instant>,
}

impl Pipe {
    fn new(fd: OwnedFd, intake: Intake, stream: Stream, awaited_until: Option<Instant>) -> io::Result<Pipe> {
        let flags = OFlag::from_bits_retain(fcntl(fd.as_fd(), FcntlArg::F_GETFL)?);
        fcntl(fd.as_fd(), FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        debug_assert!(fd.as_raw_fd() >= 0);
        Ok(Pipe {
            file: File::from(fd),
            is_open: true,
            intake,
            stream,
            lines: Lines::default(),
            awaited_until,
        })
    }

    /// Takes what is there; whether anything came.
    fn take_turn(&mut self, drain: &mut Drain) -> io::Result<bool> {
        // What a killed predecessor took and made nothing of comes first.
        let mut progress = self.split(drain.records())?;
        if !self.is_open {
            return Ok(progress);
        }
        let mut taken = 0;
        let mut ended = false;
        while taken < drain.portion().clamp(READ_BYTES, TURN_BYTES) {
            match self.intake.take(&self.file, READ_BYTES)? {
                Taken::End
                    if self.awaited_until.is_some_and(|end| Instant::now() < end && !hung_up(&self.file)) =>
                {
                    break;
                }
                Taken::End => {
                    ended = true;
                    break;
                }
                Taken::Bytes(count) => taken += count,
                Taken::Nothing => break,
                Taken::NoRoom => match drain.when_full() {
                    // The container waits until somebody makes room; the pipe says at once that it has something.
                    WhenFull::Block => {
                        pause();
                        break;
                    }
                    WhenFull::DropNew | WhenFull::DropOld => {
                        taken += self.discard(drain)?;
                        progress = true;
                    }
                },
            }
        }
        progress |= self.split(drain.records())?;
        if ended {
            self.is_open = false;
            self.finish(drain.records());
        }
        Ok(progress || ended)
    }

    /// Takes what the full disk has no room for, so that the container need not wait.
    fn discard(&mut self, drain: &mut Drain) -> io::Result<usize> {
        let mut buffer = [0u8; READ_BYTES];
        match self.file.read(&mut buffer) {
            Ok(count) => drain.discard(&buffer[..count]).map(|()| count.max(1)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(READ_BYTES),
            Err(error) => Err(error),
        }
    }

    /// Makes records of what was taken; whether there was anything.
    fn split(&mut self, encoded: &mut Vec<u8>) -> io::Result<bool> {
        let mut buffer = [0u8; READ_BYTES];
        let before = self.intake.position();
        loop {
            let count = self.intake.read(&mut buffer)?;
            if count == 0 {
                return Ok(self.intake.position() != before);
            }
            let (timestamp, stream) = (now(), self.stream);
            self.lines.push(&buffer[..count], |line| {
                encode(&Record { timestamp, stream, partial: line.partial, bytes: line.bytes }, encoded);
            });
        }
    }

    fn finish(&mut self, encoded: &mut Vec<u8>) {
        let (timestamp, stream) = (now(), self.stream);
        self.lines.finish(|line| {
            encode(&Record { timestamp, stream, partial: line.partial, bytes: line.bytes }, encoded);
        });
    }
}

/// Whether a pipe had writers and lost them all; a named pipe that never had one reads as ended, too.
fn hung_up(file: &File) -> bool {
    let mut polled = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    poll(&mut polled, PollTimeout::ZERO).is_ok()
        && polled[0].revents().is_some_and(|found| found.contains(PollFlags::POLLHUP))
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
