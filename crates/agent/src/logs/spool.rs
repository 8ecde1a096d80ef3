//! A container's spool: a directory with segments of records and a note about whose they are.
//!
//! Segments are named by the offset of their first byte, counted from the beginning of the spool,
//! so that an offset means the same after segments were removed. One logger appends (it holds the
//! lock); one shipper reads and removes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::frame::{Decoded, Record, Stream, decode, fitting, heads};
use super::progress::Shipped;
use super::subject::Origin;

/// A segment is closed at this size, at the latest.
pub const SEGMENT_BYTES: u64 = 4 << 20;
/// And not before this one: then a spool with a small limit takes little more than that on disk.
const SEGMENT_BYTES_AT_LEAST: u64 = 64 << 10;
const NOTE: &str = "spool.json";
const LOCK: &str = "lock";
const FINISHED: &str = "finished";
const READ_BYTES: usize = 256 << 10;

/// What a spool is for: written by the agent, read by the logger and by the next agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Names the spool towards the log store; never used again for another.
    pub source: String,
    /// The task's ARN.
    pub task_arn: String,
    /// The container's name.
    pub container_name: String,
    /// The log driver.
    pub driver: String,
    /// Its options.
    pub options: std::collections::BTreeMap<String, String>,
    /// What the logger does when this much is unread.
    pub limit_bytes: u64,
    /// What it does then.
    pub when_full: WhenFull,
    /// What a driver says of the container beside its lines.
    #[serde(default)]
    pub origin: Origin,
}

/// What a logger does while its spool is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhenFull {
    /// It stops reading, and the container waits.
    Block,
    /// It drops new lines.
    DropNew,
    /// It removes the oldest segments.
    DropOld,
}

impl Note {
    /// Reads the note of a spool.
    pub fn read(dir: &Path) -> io::Result<Note> {
        Ok(serde_json::from_slice(&fs::read(dir.join(NOTE))?)?)
    }

    /// Writes the note of a spool, making the directory.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        let (path, draft) = (dir.join(NOTE), dir.join("spool.json.new"));
        fs::write(&draft, serde_json::to_vec(self)?)?;
        fs::rename(draft, path)
    }
}

/// Marks or unmarks that nothing will be appended any more.
pub fn set_finished(dir: &Path, finished: bool) -> io::Result<()> {
    if finished {
        return fs::write(dir.join(FINISHED), b"");
    }
    match fs::remove_file(dir.join(FINISHED)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether nothing will be appended any more.
pub fn is_finished(dir: &Path) -> bool {
    dir.join(FINISHED).exists()
}

/// Whether a logger holds the spool.
pub fn is_held(dir: &Path) -> bool {
    match OpenOptions::new().read(true).open(dir.join(LOCK)) {
        Ok(file) => Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err(),
        Err(_) => false,
    }
}

/// The segments of a spool: first offset and path, in order.
pub fn segments(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let offset = name.strip_prefix("seg-").and_then(|number| number.parse().ok());
        found.extend(offset.map(|offset| (offset, path)));
    }
    found.sort();
    Ok(found)
}

/// The offset behind the last byte that is there; 0 for a spool that is not.
pub fn end(dir: &Path) -> u64 {
    let last = segments(dir).ok().and_then(|mut all| all.pop());
    last.map_or(0, |(start, path)| start + fs::metadata(path).map_or(0, |found| found.len()))
}

/// Appends to a spool.
pub struct Writer {
    dir: PathBuf,
    file: File,
    /// The offset at which the open segment begins.
    start: u64,
    length: u64,
    segment_bytes: u64,
    _lock: Flock<File>,
}

impl Writer {
    /// Opens a spool of at most `limit_bytes` for appending, behind the last whole record; a torn tail is cut off.
    pub fn open(dir: &Path, limit_bytes: u64) -> io::Result<Writer> {
        fs::create_dir_all(dir)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join(LOCK))?;
        // A logger of an earlier start may be writing its last lines.
        let lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| io::Error::from(errno))?;
        let (start, path) = match segments(dir)?.pop() {
            Some(last) => last,
            None => (0, segment_path(dir, 0)),
        };
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        let length = valid_length(&mut file)?;
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        let segment_bytes = (limit_bytes / 4).clamp(SEGMENT_BYTES_AT_LEAST, SEGMENT_BYTES);
        Ok(Writer { dir: dir.to_path_buf(), file, start, length, segment_bytes, _lock: lock })
    }

    /// Appends of `encoded`, which is whole records, as many as the open segment takes, at least one. Answers how
    /// many bytes that were.
    ///
    /// What is appended at once is never in two segments: so it is all there as long as nothing follows it.
    pub fn append(&mut self, encoded: &[u8]) -> io::Result<usize> {
        let first = heads(encoded).next().map_or(0, |head| head.size);
        if self.length > 0 && self.length + first as u64 > self.segment_bytes {
            self.start += self.length;
            self.length = 0;
            let path = segment_path(&self.dir, self.start);
            self.file = OpenOptions::new().create_new(true).read(true).write(true).open(path)?;
        }
        let count = fitting(encoded, self.segment_bytes.saturating_sub(self.length)).max(first);
        if let Err(error) = self.file.write_all(&encoded[..count]) {
            // What was written of it must not stay: records after it would be unreadable.
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            return Err(error);
        }
        self.length += count as u64;
        Ok(count)
    }

    /// The offset behind the last record.
    pub fn end(&self) -> u64 {
        self.start + self.length
    }

    /// How many bytes of standard output and of standard error the records from `offset` on were made of.
    /// They are in the last segment: see [`Writer::append`].
    pub fn taken_since(&mut self, offset: u64) -> io::Result<(u64, u64)> {
        let offset = offset.max(self.start);
        let mut data = vec![0; usize::try_from(self.end().saturating_sub(offset)).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut data, offset - self.start)?;
        let (mut stdout, mut stderr) = (0, 0);
        for head in heads(&data) {
            match head.stream {
                Stream::Stdout => stdout += head.taken,
                Stream::Stderr => stderr += head.taken,
            }
        }
        Ok((stdout, stderr))
    }

    /// The first offset that is still wanted: the shipper says how far it came, and removes what it is done with.
    pub fn taken(&self) -> io::Result<u64> {
        let first = segments(&self.dir)?.first().map_or(self.start, |(offset, _)| *offset);
        Ok(first.max(Shipped::read(&self.dir)).min(self.end()))
    }

    /// Removes the oldest segment, unless it is the one that is written.
    pub fn drop_oldest(&self) -> io::Result<bool> {
        match segments(&self.dir)?.first() {
            Some((offset, path)) if *offset != self.start => fs::remove_file(path).map(|()| true),
            _ => Ok(false),
        }
    }
}

fn segment_path(dir: &Path, offset: u64) -> PathBuf {
    dir.join(format!("seg-{offset:020}"))
}

fn valid_length(file: &mut File) -> io::Result<u64> {
    let mut data = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut data)?;
    let mut data = Bytes::from(data);
    let mut length = 0;
    while let Decoded::Record(_, size) = decode(&data) {
        length += size as u64;
        data = data.slice(size..);
    }
    Ok(length)
}

/// Reads a spool from some offset on, as far as it is written.
pub struct Reader {
    dir: PathBuf,
    open: Option<(u64, File)>,
    buffer: BytesMut,
    /// The offset of the first byte of `buffer`.
    offset: u64,
}

impl Reader {
    /// A reader that begins at `offset`, or at the oldest record that is left.
    pub fn new(dir: &Path, offset: u64) -> Reader {
        Reader { dir: dir.to_path_buf(), open: None, buffer: BytesMut::new(), offset }
    }

    /// Where the next record begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next record with the offset behind it; `None` when there is none yet.
    pub fn next_record(&mut self) -> io::Result<Option<(Record, u64)>> {
        loop {
            // Freezing a clone of the head costs no copy of the payload's bytes beyond the record.
            match decode(&Bytes::copy_from_slice(self.head())) {
                Decoded::Record(record, size) => {
                    let _ = self.buffer.split_to(size);
                    self.offset += size as u64;
                    return Ok(Some((record, self.offset)));
                }
                Decoded::Damaged => self.skip_damage()?,
                Decoded::Incomplete => {
                    if !self.fill()? {
                        // A torn tail may be cut off and written over: what is read of it does not count.
                        self.buffer = BytesMut::new();
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The bytes that the record at the front may have.
    fn head(&self) -> &[u8] {
        let whole = &self.buffer[..];
        match whole.get(..4) {
            Some(length) => {
                let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
                &whole[..whole.len().min(length.saturating_add(super::frame::HEADER_BYTES))]
            }
            None => whole,
        }
    }

    /// Reads on; false when nothing is there yet.
    fn fill(&mut self) -> io::Result<bool> {
        if self.open.is_none() && !self.open_segment()? {
            return Ok(false);
        }
        let Some((start, file)) = &mut self.open else { return Ok(false) };
        file.seek(SeekFrom::Start(self.offset + self.buffer.len() as u64 - *start))?;
        let before = self.buffer.len();
        self.buffer.resize(before + READ_BYTES, 0);
        let count = file.read(&mut self.buffer[before..]);
        self.buffer.truncate(before + *count.as_ref().unwrap_or(&0));
        if count? > 0 {
            return Ok(true);
        }
        // The end of this segment: a next one exists only once this is whole.
        let start = *start;
        let next = segments(&self.dir)?.into_iter().find(|(offset, _)| *offset > start);
        match next {
            Some((offset, path)) => {
                if self.offset + (self.buffer.len() as u64) < offset || !self.buffer.is_empty() {
                    tracing::warn!(dir = %self.dir.display(), "a gap in a spool of log lines");
                    self.buffer.clear();
                }
                self.offset = offset;
                self.open = Some((offset, File::open(path)?));
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Opens the segment that holds the offset, or the first behind it.
    fn open_segment(&mut self) -> io::Result<bool> {
        let all = segments(&self.dir)?;
        let holding = all.iter().rev().find(|(start, _)| *start <= self.offset).or(all.first());
        let Some((start, path)) = holding else { return Ok(false) };
        let file = File::open(path)?;
        self.offset = self.offset.max(*start);
        self.open = Some((*start, file));
        Ok(true)
    }

    /// Damage can only be what a crash of the machine left at a tail; the next segment is whole again.
    fn skip_damage(&mut self) -> io::Result<()> {
        let Some((start, _)) = self.open.take() else { return Ok(()) };
        self.buffer.clear();
        let next = segments(&self.dir)?.into_iter().find(|(offset, _)| *offset > start);
        let (offset, path) = next.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        tracing::warn!(dir = %self.dir.display(), "a damaged segment of log lines");
        self.offset = offset;
        self.open = Some((offset, File::open(path)?));
        Ok(())
    }
}

/// Removes the segments that lie wholly before `offset`; the last one stays.
pub fn remove_before(dir: &Path, offset: u64) -> io::Result<()> {
    let all = segments(dir)?;
    for pair in all.windows(2) {
        if pair[1].0 <= offset {
            fs::remove_file(&pair[0].1)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::frame::{Stream, encode};

    fn record(text: &str) -> Record {
        Record { timestamp: 1, stream: Stream::Stdout, partial: false, bytes: Bytes::from(text.to_string()) }
    }

    fn append(writer: &mut Writer, texts: &[String]) {
        for text in texts {
            let mut bytes = Vec::new();
            encode(&record(text), &mut bytes);
            assert_eq!(writer.append(&bytes).unwrap(), bytes.len());
        }
    }

    fn read_all(reader: &mut Reader) -> Vec<String> {
        let mut found = Vec::new();
        while let Some((record, _)) = reader.next_record().unwrap() {
            found.push(String::from_utf8(record.bytes.to_vec()).unwrap());
        }
        found
    }

    fn texts(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|number| format!("{number:0>1000}")).collect()
    }

    #[test]
    fn a_reader_follows_over_segments() {
        let dir = tempfile::tempdir().unwrap();
        let mut reader = Reader::new(dir.path(), 0);
        assert!(read_all(&mut reader).is_empty());
        let mut writer = Writer::open(dir.path(), u64::MAX).unwrap();
        append(&mut writer, &texts(0..9000));
        assert_eq!(read_all(&mut reader), texts(0..9000));
        append(&mut writer, &texts(9000..9010));
        assert_eq!(read_all(&mut reader), texts(9000..9010));
        assert!(segments(dir.path()).unwrap().len() > 2);
        remove_before(dir.path(), reader.offset()).unwrap();
        assert_eq!(segments(dir.path()).unwrap().len(), 1);
        assert!(writer.end() - writer.taken().unwrap() <= SEGMENT_BYTES + 1017);
        Shipped::open(dir.path()).unwrap().set(reader.offset()).unwrap();
        assert_eq!(writer.taken().unwrap(), writer.end());
    }

    #[test]
    fn a_small_limit_makes_small_segments() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path(), 1000).unwrap();
        let mut encoded = Vec::new();
        texts(0..200).iter().for_each(|text| encode(&record(text), &mut encoded));
        let (mut at, mut parts) = (0, 0);
        while at < encoded.len() {
            at += writer.append(&encoded[at..]).unwrap();
            parts += 1;
        }
        assert_eq!((parts, segments(dir.path()).unwrap().len()), (4, 4));
        assert_eq!(read_all(&mut Reader::new(dir.path(), 0)), texts(0..200));
        assert!(writer.drop_oldest().unwrap());
        assert_eq!(read_all(&mut Reader::new(dir.path(), 0)).len(), 200 - 64);
    }

    #[test]
    fn a_torn_tail_is_cut_off_and_written_over() {
        let dir = tempfile::tempdir().unwrap();
        append(&mut Writer::open(dir.path(), u64::MAX).unwrap(), &texts(0..3));
        let path = segments(dir.path()).unwrap()[0].1.clone();
        let whole = fs::metadata(&path).unwrap().len();
        File::options().append(true).open(&path).unwrap().write_all(&[9, 0, 0, 0, 1, 2]).unwrap();
        let mut reader = Reader::new(dir.path(), 0);
        assert_eq!(read_all(&mut reader), texts(0..3));
        assert_eq!(reader.offset(), whole);
        append(&mut Writer::open(dir.path(), u64::MAX).unwrap(), &texts(3..4));
        let mut reader = Reader::new(dir.path(), whole);
        assert_eq!(read_all(&mut reader), texts(3..4));
    }

    #[test]
    fn a_spool_is_held_by_one() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_held(dir.path()));
        let writer = Writer::open(dir.path(), u64::MAX).unwrap();
        assert!(is_held(dir.path()));
        drop(writer);
        assert!(!is_held(dir.path()));
    }
}
