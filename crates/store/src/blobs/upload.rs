//! Blobs in the making: files that are appended to, may rest between requests and restarts, and
//! become a blob at once when complete.
//!
//! Appended bytes survive the end of the process; they are forced to disk by completion only.
//! One holder at a time writes an upload. The SHA-256 runs along; between holders it rests in
//! memory (for a bounded number of uploads), after a restart the bytes are read again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use model::Timestamp;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::digest::{Digest, read_into};
use super::error::{Error, blocking};
use super::name::{BlobName, is_segment};
use super::publish::{Published, publish};
use super::remote::Remote;

/// How many resting uploads keep their digest in memory.
const MAX_RESTING: usize = 1024;

/// The directory of uploads and who holds which.
pub(super) struct Spool {
    directory: PathBuf,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    busy: BTreeSet<String>,
    resting: BTreeMap<String, (Sha256, u64)>,
}

impl Spool {
    pub(super) fn new(directory: PathBuf) -> Self {
        Spool { directory, held: Mutex::default() }
    }

    fn hold(&self, id: &str) -> Result<Option<(Sha256, u64)>, Error> {
        if !is_segment(id) {
            return Err(Error::InvalidName { name: id.to_owned() });
        }
        let mut held = self.held.lock();
        if !held.busy.insert(id.to_owned()) {
            return Err(Error::Busy { id: id.to_owned() });
        }
        Ok(held.resting.remove(id))
    }

    fn release(&self, id: &str, rest: Option<(Sha256, u64)>) {
        let mut held = self.held.lock();
        held.busy.remove(id);
        if let Some(rest) = rest {
            if held.resting.len() >= MAX_RESTING {
                held.resting.pop_first();
            }
            held.resting.insert(id.to_owned(), rest);
        }
    }

    /// Removes what nobody holds and nobody wrote since `older_than`.
    pub(super) fn sweep(&self, older_than: Timestamp) -> Result<usize, Error> {
        let failed = |source| Error::Io { attempt: "sweeping", path: self.directory.clone(), source };
        let mut swept = 0;
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(id) = entry.file_name().into_string() else { continue };
            let modified = match entry.metadata().and_then(|meta| meta.modified()) {
                Ok(modified) => modified,
                // Completed since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            let age = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
            if Timestamp::EPOCH + age >= older_than || self.hold(&id).is_err() {
                continue;
            }
            let removed = fs::remove_file(entry.path());
            self.release(&id, None);
            removed.map_err(failed)?;
            swept += 1;
        }
        Ok(swept)
    }
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// The blob's length.
    pub size_bytes: u64,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Whether a blob of this name was there before; then it was kept.
    pub existed: bool,
}

/// Where finished uploads become blobs.
#[derive(Clone)]
pub(super) enum Place {
    /// A directory of this machine.
    Directory(PathBuf),
    /// An object storage.
    Remote(Arc<Remote>),
}

/// The one holder of an upload. Dropping it lets the upload rest; it can be resumed.
pub struct Upload {
    id: String,
    place: Place,
    /// Absent while an append is under way, and for good if that failed or was cancelled.
    open: Option<Open>,
    size: u64,
}

/// The file and the digest so far. It moves into blocking work and lets go of the id when dropped.
struct Open {
    id: String,
    path: PathBuf,
    spool: Arc<Spool>,
    file: File,
    hasher: Sha256,
    size: u64,
    /// Whether what was hashed is what the file holds, so that the digest may rest.
    sound: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        let rest = self.sound.then(|| (self.hasher.clone(), self.size));
        self.spool.release(&self.id, rest);
    }
}

impl Upload {
    pub(super) async fn begin(spool: Arc<Spool>, place: Place, id: &str) -> Result<Self, Error> {
        let id = id.to_owned();
        let open = blocking(move || Open::create(spool, id)).await?;
        Ok(Upload::held(open, place))
    }

    pub(super) async fn resume(spool: Arc<Spool>, place: Place, id: &str) -> Result<Self, Error> {
        let id = id.to_owned();
        let open = blocking(move || Open::resume(spool, id)).await?;
        Ok(Upload::held(open, place))
    }

    fn held(open: Open, place: Place) -> Self {
        Upload { id: open.id.clone(), place, size: open.size, open: Some(open) }
    }

    /// The upload's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many bytes have been appended.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The SHA-256 of what has been appended; `None` after an interrupted append.
    pub fn sha256(&self) -> Option<Digest> {
        self.open.as_ref().map(Open::sha256)
    }

    /// Appends bytes. They outlive the process, though not yet a loss of power.
    ///
    /// If it fails or is cancelled the upload must be resumed, which tells what was kept.
    pub async fn append(&mut self, bytes: Bytes) -> Result<(), Error> {
        let mut open = self.take()?;
        let open = blocking(move || open.append(&bytes).map(|()| open)).await?;
        self.size = open.size;
        self.open = Some(open);
        Ok(())
    }

    /// Makes the bytes a durable blob; a blob that already has the name is kept instead.
    ///
    /// With `expected` the bytes must have this digest; if not, the upload rests unchanged.
    pub async fn complete(mut self, name: &BlobName, expected: Option<&Digest>) -> Result<Completed, Error> {
        let mut open = self.take()?;
        let (name, expected) = (name.clone(), expected.cloned());
        match self.place.clone() {
            Place::Directory(blobs) => {
                blocking(move || {
                    open.verify_against(expected)?;
                    let published = publish(&open.file, &open.path, &blobs, &name)?;
                    Ok(open.completed(published))
                })
                .await
            }
            Place::Remote(remote) => {
                let open = blocking(move || open.verify_against(expected).map(|()| open)).await?;
                let published = remote.publish(&open.path, open.size, &name).await?;
                blocking(move || {
                    fs::remove_file(&open.path).map_err(|source| open.failed("removing", source))?;
                    Ok(open.completed(published))
                })
                .await
            }
        }
    }

    /// Removes the upload and its bytes.
    pub async fn abort(mut self) -> Result<(), Error> {
        let mut open = self.take()?;
        blocking(move || {
            open.sound = false;
            fs::remove_file(&open.path).map_err(|source| open.failed("removing", source))
        })
        .await
    }

    fn take(&mut self) -> Result<Open, Error> {
        self.open.take().ok_or_else(|| Error::Interrupted { id: self.id.clone() })
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upload({}, {} bytes)", self.id, self.size)
    }
}

impl Open {
    fn create(spool: Arc<Spool>, id: String) -> Result<Self, Error> {
        spool.hold(&id)?;
        let path = spool.directory.join(&id);
        match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => Ok(Open { id, path, spool, file, hasher: Sha256::new(), size: 0, sound: true }),
            Err(source) => {
                spool.release(&id, None);
                Err(match source.kind() {
                    io::ErrorKind::AlreadyExists => Error::UploadExists { id },
                    _ => Error::Io { attempt: "creating", path, source },
                })
            }
        }
    }

    fn resume(spool: Arc<Spool>, id: String) -> Result<Self, Error> {
        let resting = spool.hold(&id)?;
        let path = spool.directory.join(&id);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(source) => {
                spool.release(&id, None);
                return Err(match source.kind() {
                    io::ErrorKind::NotFound => Error::NoUpload { id },
                    _ => Error::Io { attempt: "opening", path, source },
                });
            }
        };
        // From here on `Open` lets go of the id when it is dropped.
        let mut open = Open { id, path, spool, file, hasher: Sha256::new(), size: 0, sound: false };
        let length = open.file.metadata().map_err(|source| open.failed("reading", source))?.len();
        match resting {
            Some((hasher, size)) if size == length => {
                (open.hasher, open.size) = (hasher, size);
                let end = open.file.seek(SeekFrom::End(0));
                end.map_err(|source| open.failed("reading", source))?;
            }
            _ => {
                let read = read_into(&mut open.file, &mut open.hasher);
                open.size = read.map_err(|source| open.failed("reading", source))?;
            }
        }
        open.sound = true;
        Ok(open)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.sound = false;
        if let Err(source) = self.file.write_all(bytes) {
            // Best effort: the next holder reads the length anyway.
            self.file.set_len(self.size).ok();
            return Err(self.failed("appending to", source));
        }
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        self.sound = true;
        Ok(())
    }

    /// What has become of the bytes, which are the upload's no more.
    fn completed(mut self, published: Published) -> Completed {
        self.sound = false;
        Completed { size_bytes: self.size, sha256: self.sha256(), existed: published == Published::Existed }
    }

    fn verify_against(&mut self, expected: Option<Digest>) -> Result<(), Error> {
        expected.map_or(Ok(()), |expected| self.verify(expected))
    }

    fn verify(&mut self, expected: Digest) -> Result<(), Error> {
        let actual = match &expected {
            Digest::Sha256(_) => self.sha256(),
            Digest::Sha512(_) => self.sha512().map_err(|source| self.failed("reading", source))?,
        };
        if actual == expected {
            Ok(())
        } else {
            Err(Error::DigestMismatch { expected: expected.into(), actual: actual.into() })
        }
    }

    fn sha256(&self) -> Digest {
        Digest::Sha256(self.hasher.clone().finalize().into())
    }

    fn sha512(&mut self) -> io::Result<Digest> {
        self.file.seek(SeekFrom::Start(0))?;
        Digest::read_sha512(&mut self.file)
    }

    fn failed(&self, attempt: &'static str, source: io::Error) -> Error {
        Error::Io { attempt, path: Path::to_owned(&self.path), source }
    }
}
