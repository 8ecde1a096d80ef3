//! The logger's way into the spool: whole records are appended, and what has no room waits or is dropped.
//!
//! The mark follows each append. An append is in one segment, and the last segment is never removed: so a successor
//! can count what came behind the mark, and goes on exactly there. For the same reason nothing is appended behind
//! what was dropped before the mark says so.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::frame::{Stream, fitting, heads};
use super::guard;
use super::intake::{Mark, MarkFile};
use super::progress::Dropped;
use super::spool::{Note, WhenFull, Writer};

/// How long to wait for room before looking again.
const FULL_PAUSE: Duration = Duration::from_millis(20);
/// After SIGTERM a full disk is waited for no longer than this; the shim kills after twelve seconds.
const LAST_ATTEMPTS: u32 = 200;

/// Records on their way into the spool.
pub(super) struct Drain {
    writer: Writer,
    limit_bytes: u64,
    when_full: WhenFull,
    encoded: Vec<u8>,
    /// How much of `encoded` was dealt with.
    at: usize,
    mark: MarkFile,
    marked: Mark,
    dropped: Dropped,
    /// Everything before this offset was taken when it was last asked for.
    taken: u64,
    attempts: u32,
}

impl Drain {
    /// Opens a spool for appending where a predecessor ended.
    pub(super) fn open(dir: &Path) -> io::Result<Drain> {
        let note = Note::read(dir)?;
        let mut writer = Writer::open(dir, note.limit_bytes)?;
        let (mark, before) = MarkFile::open(dir)?;
        let (stdout, stderr) = writer.taken_since(before.spool)?;
        let marked =
            Mark { spool: writer.end(), stdout: before.stdout + stdout, stderr: before.stderr + stderr };
        // Written at once: a disk that is full now fails the start, and not a running container.
        mark.set(marked)?;
        Ok(Drain {
            taken: writer.taken()?,
            writer,
            limit_bytes: note.limit_bytes,
            when_full: note.when_full,
            encoded: Vec::new(),
            at: 0,
            mark,
            marked,
            dropped: Dropped::open(dir)?,
            attempts: 0,
        })
    }

    /// How far the streams have become records, or were dropped.
    pub(super) fn marked(&self) -> Mark {
        self.marked
    }

    /// Says how far the streams really are: the end of a last line without its end counts one byte more than there is.
    pub(super) fn begin(&mut self, stdout: u64, stderr: u64) {
        (self.marked.stdout, self.marked.stderr) = (stdout, stderr);
    }

    /// What the container's output does when there is no room.
    pub(super) fn when_full(&self) -> WhenFull {
        self.when_full
    }

    /// How much may be taken from a pipe before it is appended: a small buffer wants small portions.
    pub(super) fn portion(&self) -> usize {
        usize::try_from(self.limit_bytes / 4).unwrap_or(usize::MAX)
    }

    /// Where records are put before they are appended.
    pub(super) fn records(&mut self) -> &mut Vec<u8> {
        &mut self.encoded
    }

    /// Counts bytes that were taken from a pipe and kept nowhere.
    pub(super) fn discard(&mut self, bytes: &[u8]) -> io::Result<()> {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        self.dropped.add(lines as u64, bytes.len() as u64)
    }

    /// Deals with all records. False when the guard was lost while there was no room: then nothing is lost
    /// if the logger runs itself again.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        while self.at < self.encoded.len() {
            let done = match self.when_full {
                WhenFull::Block => self.append_when_there_is_room()?,
                WhenFull::DropNew => self.append_what_fits()?,
                WhenFull::DropOld => self.append_for_the_oldest()?,
            };
            if !done {
                return Ok(false);
            }
        }
        self.encoded.clear();
        self.at = 0;
        self.attempts = 0;
        Ok(true)
    }

    fn append_when_there_is_room(&mut self) -> io::Result<bool> {
        // A container that has ended gives at most what its pipes hold: that is taken over the limit.
        if self.room()? == 0 && !guard::is_terminated() {
            pause();
            return Ok(!guard::is_orphaned());
        }
        match self.append(self.encoded.len()) {
            Err(error) if is_disk_full(&error) && self.attempts < LAST_ATTEMPTS => {
                self.attempts += u32::from(guard::is_terminated());
                pause();
                Ok(!guard::is_orphaned())
            }
            done => done.map(|()| true),
        }
    }

    /// As Docker's ring buffer: what does not fit is dropped, but into an empty one a message goes of any size.
    fn append_what_fits(&mut self) -> io::Result<bool> {
        let room = self.room()?;
        let waiting = &self.encoded[self.at..];
        let mut fits = fitting(waiting, room);
        if fits == 0 && room == self.limit_bytes && room > 0 {
            fits = heads(waiting).next().map_or(0, |head| head.size);
        }
        if fits > 0 {
            match self.append(self.at + fits) {
                Err(error) if is_disk_full(&error) => {}
                done => return done.map(|()| true),
            }
        }
        self.drop_rest()?;
        Ok(true)
    }

    fn append_for_the_oldest(&mut self) -> io::Result<bool> {
        while self.room()? == 0 && self.writer.drop_oldest()? {}
        match self.append(self.encoded.len()) {
            Err(error) if is_disk_full(&error) => {
                if !self.writer.drop_oldest()? {
                    self.drop_rest()?;
                }
                Ok(true)
            }
            done => done.map(|()| true),
        }
    }

    /// Bytes that the limit leaves.
    fn room(&mut self) -> io::Result<u64> {
        let end = self.writer.end();
        // Asking costs a look into the directory: that is for when the limit comes near.
        if end.saturating_sub(self.taken) >= self.limit_bytes / 2 {
            self.taken = self.writer.taken()?;
        }
        Ok(self.limit_bytes.saturating_sub(end.saturating_sub(self.taken)))
    }

    /// Appends some of what lies before `until`, and marks it.
    fn append(&mut self, until: usize) -> io::Result<()> {
        let count = self.writer.append(&self.encoded[self.at..until])?;
        self.advance(count).map(drop)
    }

    fn drop_rest(&mut self) -> io::Result<()> {
        let bytes = self.encoded.len() - self.at;
        let lines = self.advance(bytes)?;
        self.dropped.add(lines, bytes as u64)
    }

    /// Moves the mark over records; answers how many lines they end.
    fn advance(&mut self, count: usize) -> io::Result<u64> {
        let mut lines = 0;
        for head in heads(&self.encoded[self.at..self.at + count]) {
            match head.stream {
                Stream::Stdout => self.marked.stdout += head.taken,
                Stream::Stderr => self.marked.stderr += head.taken,
            }
            lines += u64::from(head.ends_line);
        }
        self.at += count;
        self.marked.spool = self.writer.end();
        self.mark.set(self.marked)?;
        Ok(lines)
    }
}

fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[expect(clippy::disallowed_methods, reason = "the logger has nothing else to do than to wait")]
pub(super) fn pause() {
    std::thread::sleep(FULL_PAUSE);
}
