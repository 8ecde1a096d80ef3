//! The process that takes a container's output. Plain threads and polling: it starts in a few
//! milliseconds, stays small, and depends on nobody who might die.
//!
//! containerd's shim hands it the reading ends of the container's pipes as descriptors 3 and 4, and
//! waits until descriptor 5 is closed. It ends when both pipes have, or on SIGTERM, which the shim
//! sends when the container is deleted: then it takes what is in the pipes and goes. For an interactive container
//! the agent starts it (`interactive.rs`), with named pipes as descriptors 0 and 1.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use super::frame::{Record, Stream, encode};
use super::lines::Lines;
use super::spool::{Note, WhenFull, Writer};

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
/// How long to wait for room before looking again.
const FULL_PAUSE: Duration = Duration::from_millis(20);
/// After SIGTERM a full spool is waited for no longer than this; the shim kills after twelve seconds.
const LAST_ATTEMPTS: u32 = 200;

static TERMINATED: AtomicBool = AtomicBool::new(false);

extern "C" fn on_term(_signal: nix::libc::c_int) {
    TERMINATED.store(true, Ordering::Relaxed);
}

/// The whole of `longshore logger DIR`.
pub fn logger_main(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(dir) = args.next().map(PathBuf::from) else {
        eprintln!("longshore logger is started by containerd, with the directory of a spool");
        return ExitCode::from(2);
    };
    let standard = args.next().is_some_and(|word| word == STANDARD);
    match run(&dir, standard) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("longshore logger: {}: {error}", dir.display());
            ExitCode::FAILURE
        }
    }
}

fn run(dir: &Path, standard: bool) -> io::Result<()> {
    let action = SigAction::new(SigHandler::Handler(on_term), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler only stores to an atomic, which is allowed in a signal handler.
    unsafe { sigaction(Signal::SIGTERM, &action)? };
    // SAFETY: whoever started this process gave it these descriptors, and nothing here has used them yet.
    let take = |fd: RawFd| unsafe { OwnedFd::from_raw_fd(fd) };
    let (stdout, stderr) = if standard { (take(0), take(1)) } else { (take(STDOUT_FD), take(STDERR_FD)) };
    let ready = (!standard).then(|| take(READY_FD));
    let note = Note::read(dir)?;
    let mut sink = Sink { writer: Writer::open(dir)?, note, encoded: Vec::new() };
    let patience = standard.then(|| Instant::now() + FIRST_WRITER);
    let mut pipes =
        [Pipe::new(stdout, Stream::Stdout, patience)?, Pipe::new(stderr, Stream::Stderr, patience)?];
    drop(ready);
    while pipes.iter().any(|pipe| pipe.file.is_some()) {
        let last_turn = TERMINATED.load(Ordering::Relaxed);
        if !last_turn {
            wait(&pipes)?;
        }
        let mut progress = false;
        for pipe in &mut pipes {
            progress |= pipe.take_turn(&mut sink.encoded)?;
        }
        sink.flush()?;
        if last_turn && !progress {
            break;
        }
    }
    for pipe in &mut pipes {
        pipe.finish(&mut sink.encoded);
    }
    sink.flush()
}

/// Waits until a pipe has something or a signal comes; at most a second, since a signal may come just before.
fn wait(pipes: &[Pipe]) -> io::Result<()> {
    let open = pipes.iter().filter_map(|pipe| pipe.file.as_ref());
    let mut polled: Vec<_> = open.map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN)).collect();
    match poll(&mut polled, PollTimeout::from(1000u16)) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

struct Pipe {
    file: Option<File>,
    stream: Stream,
    lines: Lines,
    /// Until when the lack of a writer is no end.
    awaited_until: Option<Instant>,
}

impl Pipe {
    fn new(fd: OwnedFd, stream: Stream, awaited_until: Option<Instant>) -> io::Result<Pipe> {
        let flags = OFlag::from_bits_retain(fcntl(fd.as_fd(), FcntlArg::F_GETFL)?);
        fcntl(fd.as_fd(), FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        debug_assert!(fd.as_raw_fd() >= 0);
        Ok(Pipe { file: Some(File::from(fd)), stream, lines: Lines::default(), awaited_until })
    }

    /// Reads what is there; whether anything came.
    fn take_turn(&mut self, encoded: &mut Vec<u8>) -> io::Result<bool> {
        let Some(file) = &mut self.file else { return Ok(false) };
        let mut buffer = [0u8; READ_BYTES];
        let mut taken = 0;
        while taken < TURN_BYTES {
            match file.read(&mut buffer) {
                Ok(0) if self.awaited_until.is_some_and(|end| Instant::now() < end && !hung_up(file)) => {
                    break;
                }
                Ok(0) => {
                    self.file = None;
                    self.finish(encoded);
                    return Ok(true);
                }
                Ok(count) => {
                    let (timestamp, stream) = (now(), self.stream);
                    self.lines.push(&buffer[..count], |line| {
                        encode(
                            &Record { timestamp, stream, partial: line.partial, bytes: line.bytes },
                            encoded,
                        );
                    });
                    taken += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(taken > 0)
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

struct Sink {
    writer: Writer,
    note: Note,
    encoded: Vec<u8>,
}

impl Sink {
    /// Writes what was gathered, or deals with a full spool as the note says.
    fn flush(&mut self) -> io::Result<()> {
        if self.encoded.is_empty() {
            return Ok(());
        }
        let mut attempts = 0;
        while !self.has_room()? {
            match self.note.when_full {
                WhenFull::DropNew => {
                    self.encoded.clear();
                    return Ok(());
                }
                WhenFull::DropOld if self.writer.drop_oldest()? => {}
                WhenFull::DropOld => break,
                WhenFull::Block => self.pause(&mut attempts)?,
            }
        }
        while let Err(error) = self.writer.append(&self.encoded) {
            // A full disk is a full spool: the container waits until somebody makes room.
            if error.kind() != io::ErrorKind::StorageFull || self.note.when_full != WhenFull::Block {
                return Err(error);
            }
            self.pause(&mut attempts)?;
        }
        self.encoded.clear();
        Ok(())
    }

    fn has_room(&self) -> io::Result<bool> {
        Ok(self.writer.kept_bytes()? < self.note.limit_bytes)
    }

    #[expect(clippy::disallowed_methods, reason = "this process has nothing else to do than to wait")]
    fn pause(&self, attempts: &mut u32) -> io::Result<()> {
        if TERMINATED.load(Ordering::Relaxed) {
            *attempts += 1;
            if *attempts > LAST_ATTEMPTS {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
        }
        std::thread::sleep(FULL_PAUSE);
        Ok(())
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
