//! The journal: one file a task, replaced atomically and synced, readable by root alone (it holds
//! credentials).

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::record::Record;

const FILE: &str = "journal.json";

/// Why a journal could not be written or removed.
#[derive(Debug, thiserror::Error)]
#[error("{attempt} {path}")]
pub struct Error {
    attempt: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// The directory of tasks.
#[derive(Clone, Debug)]
pub struct Journal {
    dir: PathBuf,
}

impl Journal {
    /// Opens the directory, making it if it is missing.
    pub fn open(dir: &Path) -> Result<Journal, Error> {
        make_private(dir).map_err(|source| Error { attempt: "making", path: dir.to_path_buf(), source })?;
        Ok(Journal { dir: dir.to_path_buf() })
    }

    /// The directory of a task: its journal, files and volumes.
    pub fn task_dir(&self, id: &str) -> PathBuf {
        self.dir.join(id)
    }

    /// All records; one that cannot be read is reported and left alone.
    pub fn load(&self) -> Vec<Record> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let read = |path: PathBuf| match fs::read(path.join(FILE)) {
            Ok(text) => serde_json::from_slice(&text)
                .inspect_err(|error| tracing::error!(path = %path.display(), %error, "unreadable journal"))
                .ok(),
            Err(_missing) => {
                // The task was never begun: its directory is all there is of it.
                let _ = fs::remove_dir_all(&path);
                None
            }
        };
        entries.flatten().filter_map(|entry| read(entry.path())).collect()
    }

    /// Writes a record so that it survives a crash once this returns.
    pub async fn save(&self, record: &Record) -> Result<(), Error> {
        let dir = self.task_dir(record.id());
        let text = serde_json::to_vec(record).map_err(io::Error::other);
        let path = dir.join(FILE);
        let written = tokio::task::spawn_blocking(move || replace(&dir, &text?));
        written.await.map_err(io::Error::other).flatten().map_err(|source| Error {
            attempt: "writing",
            path,
            source,
        })
    }

    /// Forgets a task.
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        let dir = self.task_dir(id);
        let path = dir.clone();
        let removed = tokio::task::spawn_blocking(move || match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        });
        removed.await.map_err(io::Error::other).flatten().map_err(|source| Error {
            attempt: "removing",
            path,
            source,
        })
    }
}

fn make_private(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o711).create(dir)
}

fn replace(dir: &Path, text: &[u8]) -> io::Result<()> {
    make_private(dir)?;
    let temporary = dir.join(format!("{FILE}.new"));
    let mut file =
        fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text)?;
    file.sync_data()?;
    fs::rename(&temporary, dir.join(FILE))?;
    fs::File::open(dir)?.sync_all()
}
