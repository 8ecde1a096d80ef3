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
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::frame::{Record, Stream, encode};
use super::guard::{self, End};
use super::intake::{Intake, Mark, MarkFile, Taken};
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
    let mut sink = Sink::open(dir)?;
    let begin = sink.begin;
    let patience = standard.then(|| Instant::now() + FIRST_WRITER);
    let mut pipes = [
        Pipe::new(stdout, Intake::open(dir, Stream::Stdout, begin.stdout)?, Stream::Stdout, patience)?,
        Pipe::new(stderr, Intake::open(dir, Stream::Stderr, begin.stderr)?, Stream::Stderr, patience)?,
    ];
    drop(ready);
    while pipes.iter().any(|pipe| pipe.is_open) {
        let last_turn = guard::is_terminated();
        if !last_turn {
            wait(&pipes)?;
        }
        let mut progress = false;
        for pipe in &mut pipes {
            progress |= pipe.take_turn(&mut sink.encoded)?;
        }
        sink.flush(&mut pipes)?;
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
        pipe.finish(&mut sink.encoded);
    }
    sink.flush(&mut pipes)?;
    Ok(End::Done)
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
    fn take_turn(&mut self, encoded: &mut Vec<u8>) -> io::Result<bool> {
        // What a killed predecessor took and made nothing of comes first.
        let mut progress = self.split(encoded)?;
        if !self.is_open {
            return Ok(progress);
        }
        let mut taken = 0;
        let mut ended = false;
        while taken < TURN_BYTES {
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
                // The container waits until somebody makes room; the pipe says at once that it has something.
                Taken::NoRoom => {
                    pause();
                    break;
                }
            }
        }
        progress |= self.split(encoded)?;
        if ended {
            self.is_open = false;
            self.finish(encoded);
        }
        Ok(progress || ended)
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

    /// Bytes of the stream that have become records.
    fn done(&self) -> u64 {
        self.intake.position() - self.lines.pending_bytes()
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
    mark: MarkFile,
    /// How far a predecessor came.
    begin: Mark,
}

impl Sink {
    fn open(dir: &Path) -> io::Result<Sink> {
        let (note, mut writer) = (Note::read(dir)?, Writer::open(dir)?);
        let (mark, marked) = MarkFile::open(dir)?;
        let (stdout, stderr) = writer.taken_since(marked.spool)?;
        let begin =
            Mark { spool: writer.end(), stdout: marked.stdout + stdout, stderr: marked.stderr + stderr };
        Ok(Sink { writer, note, encoded: Vec::new(), mark, begin })
    }

    /// Writes what was gathered, and marks how far that was.
    fn flush(&mut self, pipes: &mut [Pipe; 2]) -> io::Result<()> {
        if self.encoded.is_empty() {
            return Ok(());
        }
        self.append()?;
        let [stdout, stderr] = [pipes[0].done(), pipes[1].done()];
        self.mark.set(Mark { spool: self.writer.end(), stdout, stderr })?;
        pipes[0].intake.forget_before(stdout);
        pipes[1].intake.forget_before(stderr);
        Ok(())
    }

    /// Appends to the spool, or deals with a full one as the note says.
    fn append(&mut self) -> io::Result<()> {
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

    fn pause(&self, attempts: &mut u32) -> io::Result<()> {
        if guard::is_terminated() {
            *attempts += 1;
            if *attempts > LAST_ATTEMPTS {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
        }
        pause();
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "this process has nothing else to do than to wait")]
fn pause() {
    std::thread::sleep(FULL_PAUSE);
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
