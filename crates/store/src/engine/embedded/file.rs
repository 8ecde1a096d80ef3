//! The redb file: its directory and lock, opening and opening anew, reading.
//!
//! A directory holds `lock` and `state.redb`. The file has the table `rows` (key to 8 bytes of
//! `Seq`, big-endian, and the value) and the table `meta` (`seq`: the last commit). A new file is
//! made under another name and renamed once it is whole.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use bytes::Bytes;
use parking_lot::RwLock;
use redb::{Database, ReadOnlyTable, ReadableDatabase, TableDefinition};

use super::unavailable;
use crate::engine::{ChangeLog, Entry, ReadError, Seq};
use crate::error::Error;

pub(super) const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");
pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
pub(super) const LAST_SEQ: &str = "seq";

/// Pages that redb keeps: the writer's tree paths, not the data, which the tables hold decoded.
const CACHE_BYTES: usize = 16 << 20;

/// The rows as one read transaction shows them.
pub(super) type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Opens the file, again after each failure. It also holds the directory's lock.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, redb::DatabaseError> + Send + Sync>;

/// What the writer, the readers and the watchers share.
pub(super) struct Shared {
    opener: RwLock<Option<Opener>>,
    slot: RwLock<Slot>,
    pub(super) log: ChangeLog,
}

/// The open file, if it is; a new generation each time that it is opened anew.
struct Slot {
    database: Option<Database>,
    generation: u64,
}

impl Shared {
    pub(super) fn open(opener: Opener) -> Result<Self, Cause> {
        let database = opener()?;
        initialize(&database)?;
        let seq = last_seq(&database)?;
        let slot = RwLock::new(Slot { database: Some(database), generation: 0 });
        Ok(Shared { opener: RwLock::new(Some(opener)), slot, log: ChangeLog::new(seq) })
    }

    /// Runs `work` on the open file; `None` if it is not open.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Database) -> T) -> Option<T> {
        self.slot.read().database.as_ref().map(work)
    }

    /// Begins to read: the rows, the last commit they show, and the file's generation.
    pub(super) fn read(&self) -> Result<(Rows, Seq, u64), ReadError> {
        let slot = self.slot.read();
        let database = slot.database.as_ref().ok_or_else(not_open)?;
        let transaction = database.begin_read().map_err(unavailable)?;
        let meta = transaction.open_table(META).map_err(unavailable)?;
        let seq = meta.get(LAST_SEQ).map_err(unavailable)?.map_or(0, |seq| seq.value());
        Ok((transaction.open_table(ROWS).map_err(unavailable)?, Seq(seq), slot.generation))
    }

    /// Runs `work` if the file was not opened anew since `generation`, and keeps it open meanwhile.
    pub(super) fn still<T>(
        &self,
        generation: u64,
        work: impl FnOnce() -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let slot = self.slot.read();
        match &slot.database {
            Some(_) if slot.generation == generation => work(),
            Some(_) => Err(ReadError::Compacted),
            None => Err(not_open()),
        }
    }

    /// Lets go of a file that failed: the next commit needs [`Shared::reopen`].
    pub(super) fn fail(&self) {
        let mut slot = self.slot.write();
        slot.database = None;
        slot.generation += 1;
    }

    /// Opens the file anew from its last good state. If that is not what the log ends with,
    /// watchers are told to scan again: a commit that failed may have reached the disk.
    pub(super) fn reopen(&self) -> Result<(), Cause> {
        let opener = self.opener.read();
        let opener = opener.as_ref().ok_or("the engine is closed")?;
        let database = opener()?;
        let seq = last_seq(&database)?;
        self.slot.write().database = Some(database);
        if seq != self.log.last() {
            self.log.reset(seq);
        }
        Ok(())
    }

    /// Closes the file, then releases the directory and ends the watches.
    pub(super) fn close(&self) {
        self.fail();
        self.opener.write().take();
        self.log.close();
    }
}

/// Locks `directory`, makes the file if there is none, and gives what opens it.
pub(super) fn directory_opener(directory: &Path) -> Result<Opener, Error> {
    let failed = |source: std::io::Error| open_error(directory, source.into());
    fs::create_dir_all(directory).map_err(failed)?;
    let lock = File::options().create(true).truncate(false).write(true).open(directory.join("lock"));
    let lock = lock.map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::Locked { directory: directory.display().to_string() });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let path = directory.join("state.redb");
    if !path.exists() {
        create(directory, &path).map_err(|source| open_error(directory, source))?;
    }
    Ok(Box::new(move || {
        // Captured, so that the lock lives as long as the opener.
        let _held = &lock;
        database_builder().create(&path)
    }))
}

pub(super) fn open_error(directory: &Path, source: Cause) -> Error {
    Error::Open { directory: directory.display().to_string(), source }
}

pub(super) fn database_builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder.set_repair_callback(|_| tracing::debug!("the state store was not closed; checking it"));
    builder
}

/// The entry in a stored value; `None` if it is too short to be one.
pub(super) fn decode_value(key: &[u8], stored: &[u8]) -> Option<Entry> {
    let (seq, value) = stored.split_first_chunk::<8>()?;
    Some(Entry {
        key: Bytes::copy_from_slice(key),
        value: Bytes::copy_from_slice(value),
        seq: Seq(u64::from_be_bytes(*seq)),
    })
}

/// Makes the file under another name, so that a crash leaves it whole or absent.
fn create(directory: &Path, path: &Path) -> Result<(), Cause> {
    let unfinished = directory.join("state.redb.new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    initialize(&database_builder().create(&unfinished)?)?;
    fs::rename(&unfinished, path)?;
    File::open(directory)?.sync_all()?;
    Ok(())
}

/// Makes the tables, so that readers find them.
fn initialize(database: &Database) -> Result<(), Cause> {
    let exists = database.begin_read()?.open_table(META).is_ok();
    if !exists {
        let transaction = database.begin_write()?;
        transaction.open_table(ROWS)?;
        transaction.open_table(META)?.insert(LAST_SEQ, 0)?;
        transaction.commit()?;
    }
    Ok(())
}

fn last_seq(database: &Database) -> Result<Seq, Cause> {
    let meta = database.begin_read()?.open_table(META)?;
    let seq = meta.get(LAST_SEQ)?;
    Ok(Seq(seq.map_or(0, |seq| seq.value())))
}

fn not_open() -> ReadError {
    ReadError::Unavailable("the state store's file is not open".into())
}
