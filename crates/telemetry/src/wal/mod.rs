//! The write-ahead log: what was acknowledged is here until a segment holds it.
//!
//! One file a generation, `NNNNNNNNNNNNNNNN.wal`: a magic number, then frames of
//! `length, crc32, payload`. The last frame of the newest file may be torn by a crash
//! and is cut off; anything else that does not decode is damage and is refused.

mod record;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::codec::Malformed;
use crate::error::{Error, Result};

pub(crate) use record::{Checkpoint, Record, SourceState, encode_append};

const MAGIC: &[u8; 8] = b"LSHWAL\x00\x01";
const FRAME_HEADER: usize = 8;
/// No frame is longer: a batch is at most a few MiB.
const FRAME_MAX: usize = 64 << 20;

/// The newest file of the log, open for appending.
pub(crate) struct Wal {
    dir: PathBuf,
    file: File,
    path: PathBuf,
    generation: u64,
    len: u64,
}

/// Why frames were not appended.
pub(crate) enum AppendError {
    /// The disk is full, most likely. The log is as it was and can go on.
    Undone(Error),
    /// What reached the disk is unknown: nothing more may be appended before a replay.
    Unknown(Error),
}

/// Adds the frame of `payload` to `out`.
pub(crate) fn put_frame(out: &mut Vec<u8>, payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    out.extend_from_slice(payload);
}

impl Wal {
    /// Opens the log in `dir`, giving every record of every generation to `replay`, oldest first.
    /// Answers the newest file, or none when the log is new.
    pub(crate) fn open(dir: &Path, mut replay: impl FnMut(u64, Record) -> Result<()>) -> Result<Option<Wal>> {
        fs::create_dir_all(dir).map_err(|e| Error::disk("make", dir, e))?;
        let generations = generations(dir)?;
        let mut newest = None;
        for (index, &generation) in generations.iter().enumerate() {
            let path = file_path(dir, generation);
            let mut bytes = Vec::new();
            File::open(&path)
                .and_then(|mut file| file.read_to_end(&mut bytes))
                .map_err(|e| Error::disk("read", &path, e))?;
            let is_newest = index + 1 == generations.len();
            let len = replay_file(&bytes, is_newest, |record| replay(generation, record))
                .map_err(|e| e.at(&path))?;
            if is_newest {
                newest = Some(Wal::reopen(dir, path, generation, len)?);
            }
        }
        Ok(newest)
    }

    /// Starts the file of `generation`, which begins with `first` and is durable at return.
    pub(crate) fn create(dir: &Path, generation: u64, first: &Record) -> Result<Wal> {
        let path = file_path(dir, generation);
        let mut file = OpenOptions::new()
            .create(true)
            // An attempt that failed may have left the beginning of one: nothing was acknowledged from it.
            .truncate(true)
            .write(true)
            .open(&path)
            .map_err(|e| Error::disk("create", &path, e))?;
        let mut bytes = MAGIC.to_vec();
        put_frame(&mut bytes, &first.encode());
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(|e| Error::disk("write", &path, e))?;
        sync_dir(dir)?;
        Ok(Wal { dir: dir.to_owned(), file, path, generation, len: bytes.len() as u64 })
    }

    /// Continues a file after its last whole frame.
    fn reopen(dir: &Path, path: PathBuf, generation: u64, len: u64) -> Result<Wal> {
        let open = || -> std::io::Result<File> {
            let mut file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(len)?;
            if len == 0 {
                file.write_all(MAGIC)?;
            }
            file.sync_all()?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        let file = open().map_err(|e| Error::disk("reopen", &path, e))?;
        let len = len.max(MAGIC.len() as u64);
        Ok(Wal { dir: dir.to_owned(), file, path, generation, len })
    }

    /// Appends `frames` and makes them durable.
    pub(crate) fn append(&mut self, frames: &[u8]) -> Result<(), AppendError> {
        if let Err(error) = self.file.write_all(frames) {
            let error = Error::disk("append to", &self.path, error);
            // What was written of the frames must not stand before later ones.
            return Err(match self.cut() {
                Ok(()) => AppendError::Undone(error),
                Err(_) => AppendError::Unknown(error),
            });
        }
        self.file.sync_data().map_err(|e| AppendError::Unknown(Error::disk("sync", &self.path, e)))?;
        self.len += frames.len() as u64;
        Ok(())
    }

    /// Cuts the file behind the last frame that was appended whole.
    fn cut(&mut self) -> std::io::Result<()> {
        self.file.set_len(self.len)?;
        self.file.seek(SeekFrom::Start(self.len))?;
        Ok(())
    }

    /// Starts the next generation with `first`.
    pub(crate) fn rotate(&mut self, first: &Record) -> Result<()> {
        *self = Wal::create(&self.dir, self.generation + 1, first)?;
        Ok(())
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }
}

/// Removes every generation up to `last`: segments hold what they held.
pub(crate) fn remove_through(dir: &Path, last: u64) -> Result<()> {
    for generation in generations(dir)?.into_iter().filter(|&generation| generation <= last) {
        let path = file_path(dir, generation);
        fs::remove_file(&path).map_err(|e| Error::disk("remove", &path, e))?;
    }
    sync_dir(dir)
}

fn file_path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("{generation:016x}.wal"))
}

fn generations(dir: &Path) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| Error::disk("list", dir, e))? {
        let name = entry.map_err(|e| Error::disk("list", dir, e))?.file_name();
        let generation =
            name.to_str().and_then(|n| n.strip_suffix(".wal")).and_then(|n| u64::from_str_radix(n, 16).ok());
        found.extend(generation);
    }
    found.sort_unstable();
    Ok(found)
}

fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| Error::disk("sync", dir, e))
}

/// Why a file could not be replayed.
enum ReplayError {
    Damaged(Malformed),
    Replay(Error),
}

impl ReplayError {
    fn at(self, path: &Path) -> Error {
        match self {
            ReplayError::Damaged(malformed) => Error::damaged(path.display().to_string(), malformed),
            ReplayError::Replay(error) => error,
        }
    }
}

/// Gives the records of one file to `replay` and answers the length of its whole frames.
fn replay_file(
    bytes: &[u8],
    may_be_torn: bool,
    mut replay: impl FnMut(Record) -> Result<()>,
) -> Result<u64, ReplayError> {
    let torn = |at: usize, what| {
        if may_be_torn { Ok(at as u64) } else { Err(ReplayError::Damaged(Malformed(what))) }
    };
    if !bytes.starts_with(MAGIC) {
        return torn(0, "not a write-ahead log");
    }
    let mut at = MAGIC.len();
    while at < bytes.len() {
        let Some(payload) = frame_at(bytes, at) else { return torn(at, "a torn frame") };
        // A frame whose checksum holds was written whole: if it does not decode, that is damage.
        let record = Record::decode(payload).map_err(ReplayError::Damaged)?;
        replay(record).map_err(ReplayError::Replay)?;
        at += FRAME_HEADER + payload.len();
    }
    Ok(at as u64)
}

/// The payload of the whole frame at `at`. A frame of length zero is a file's zeroed tail.
fn frame_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let header = bytes.get(at..at + FRAME_HEADER)?;
    let len = u32::from_le_bytes(header[..4].try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(header[4..].try_into().ok()?);
    if len == 0 || len > FRAME_MAX {
        return None;
    }
    let payload = bytes.get(at + FRAME_HEADER..at + FRAME_HEADER + len)?;
    (crc32fast::hash(payload) == crc).then_some(payload)
}

#[cfg(test)]
mod tests;
