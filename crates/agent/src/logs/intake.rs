//! From a container's pipe into a file, by the kernel alone, so that nothing is lost with a killed logger.
//!
//! What a process has read of a pipe and not yet written elsewhere dies with it. `splice` moves bytes from the
//! pipe to the end of a file in one call: they are in the one or in the other. The mark says how far the file has
//! become records; what a successor finds behind the mark in the spool, it counts, and goes on exactly there.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::libc;

use super::frame::Stream;
use super::progress::Numbers;

const MARK: &str = "mark";
/// Bytes of a file that have become records are given back to the disk in pieces of this size.
const PUNCH_BYTES: u64 = 1 << 20;

/// How far one stream's bytes have come.
#[derive(Debug)]
pub(super) struct Intake {
    file: File,
    length: u64,
    /// The next byte to be made a record of.
    next: u64,
    punched: u64,
}

/// What came of a look into a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// So many bytes.
    Bytes(usize),
    /// There was nothing.
    Nothing,
    /// The pipe has no writer.
    End,
    /// The disk is full.
    NoRoom,
}

impl Intake {
    /// The file of a stream, to be gone on with at `next`.
    pub(super) fn open(dir: &Path, stream: Stream, next: u64) -> io::Result<Intake> {
        let name = match stream {
            Stream::Stdout => "raw-stdout",
            Stream::Stderr => "raw-stderr",
        };
        let file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(dir.join(name))?;
        let length = file.metadata()?.len();
        // The end of a last line without its end counts one byte more than there is.
        Ok(Intake { file, length, next: next.min(length), punched: 0 })
    }

    /// Moves what is in the pipe, at most `limit` bytes.
    pub(super) fn take(&mut self, pipe: &impl AsFd, limit: usize) -> io::Result<Taken> {
        let mut at = i64::try_from(self.length).map_err(io::Error::other)?;
        let (from, to) = (pipe.as_fd().as_raw_fd(), self.file.as_raw_fd());
        // SAFETY: both descriptors are open, and the offset lives as long as the call.
        let moved = unsafe {
            libc::splice(from, std::ptr::null_mut(), to, &raw mut at, limit, libc::SPLICE_F_NONBLOCK)
        };
        match Errno::result(moved) {
            Ok(0) => Ok(Taken::End),
            Ok(count) => {
                let count = count.unsigned_abs();
                self.length += count as u64;
                Ok(Taken::Bytes(count))
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(Taken::Nothing),
            Err(Errno::ENOSPC | Errno::EDQUOT) => Ok(Taken::NoRoom),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Reads on in what was moved.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length - self.next).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..left], self.next)?;
        self.next += count as u64;
        Ok(count)
    }

    /// How far reading has come.
    pub(super) fn position(&self) -> u64 {
        self.next
    }

    /// Gives the disk back what lies before `offset`. Where a file system cannot, the file goes when its spool does.
    pub(super) fn forget_before(&mut self, offset: u64) {
        if offset.saturating_sub(self.punched) < PUNCH_BYTES {
            return;
        }
        let range = i64::try_from(self.punched).and_then(|from| Ok((from, i64::try_from(offset)? - from)));
        if let Ok((from, length)) = range {
            let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
            let _ = fallocate(&self.file, flags, from, length);
        }
        self.punched = offset;
    }
}

/// How far both streams had become records when the spool ended at `spool`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// The offset in the spool.
    pub(super) spool: u64,
    /// Bytes of standard output.
    pub(super) stdout: u64,
    /// Bytes of standard error.
    pub(super) stderr: u64,
}

/// The mark's file.
#[derive(Debug)]
pub(super) struct MarkFile(Numbers<3>);

impl MarkFile {
    /// Opens the mark of a spool and reads it.
    pub(super) fn open(dir: &Path) -> io::Result<(MarkFile, Mark)> {
        let (file, [spool, stdout, stderr]) = Numbers::open(dir, MARK)?;
        Ok((MarkFile(file), Mark { spool, stdout, stderr }))
    }

    /// Sets the mark.
    pub(super) fn set(&self, mark: Mark) -> io::Result<()> {
        self.0.set([mark.spool, mark.stdout, mark.stderr])
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn bytes_are_in_the_pipe_or_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        let mut intake = Intake::open(dir.path(), Stream::Stdout, 0).unwrap();
        assert_eq!(intake.take(&reader, 100).unwrap(), Taken::Nothing);
        writer.write_all(b"one\ntwo\n").unwrap();
        assert_eq!(intake.take(&reader, 4).unwrap(), Taken::Bytes(4));
        // The first logger dies here, having made nothing of what it took.
        let mut intake = Intake::open(dir.path(), Stream::Stdout, 0).unwrap();
        assert_eq!(intake.take(&reader, 100).unwrap(), Taken::Bytes(4));
        let mut buffer = [0; 100];
        let count = intake.read(&mut buffer).unwrap();
        assert_eq!((&buffer[..count], intake.position()), (&b"one\ntwo\n"[..], 8));
        drop(writer);
        assert_eq!(intake.take(&reader, 100).unwrap(), Taken::End);
    }

    #[test]
    fn a_mark_is_read_as_it_was_set() {
        let dir = tempfile::tempdir().unwrap();
        let (file, none) = MarkFile::open(dir.path()).unwrap();
        assert_eq!(none, Mark::default());
        let mark = Mark { spool: 7, stdout: 8, stderr: 9 };
        file.set(mark).unwrap();
        assert_eq!(MarkFile::open(dir.path()).unwrap().1, mark);
    }
}
