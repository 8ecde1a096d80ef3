//! The journal: one file a task, replaced atomically, readable by root alone (it holds credentials).
//!
//! A saved record survives the agent at once, because the kernel has it; the disk has it a few milliseconds later. Only
//! a machine that loses its power can lose what was saved last, and it loses the containers as well: nobody waits for
//! the disk on the way to a running task.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::record::Record;

const FILE: &str = "journal.json";
/// Records that wait for the disk; whoever saves one more waits with them.
const WAITING: usize = 256;

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
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    unsynced: mpsc::Sender<PathBuf>,
    _syncing: AbortOnDropHandle<()>,
}

impl Journal {
    /// Opens the directory, making it if it is missing. Needs a tokio runtime.
    pub fn open(dir: &Path) -> Result<Journal, Error> {
        make_private(dir).map_err(|source| Error { attempt: "making", path: dir.to_path_buf(), source })?;
        let (unsynced, saved) = mpsc::channel(WAITING);
        let syncing = AbortOnDropHandle::new(tokio::spawn(sync_all(saved)));
        Ok(Journal { dir: dir.to_path_buf(), unsynced, _syncing: syncing })
    }

    /// The directory of a task: its journal, files and volumes.
    pub fn task_dir(&self, id: &str) -> PathBuf {
        self.dir.join(id)
    }

    /// All records; one that cannot be read is reported and left alone.
    pub fn load(&self) -> Vec<Record> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let read = |path: PathBuf| match fs::read(path.join(FILE)) {
            Ok(text) if !text.is_empty() => serde_json::from_slice(&text)
                .inspect_err(|error| tracing::error!(path = %path.display(), %error, "unreadable journal"))
                .ok(),
            Ok(_) | Err(_) => {
                // The task was never begun, or began as the power went: its directory is all there is of it.
                let _ = fs::remove_dir_all(&path);
                None
            }
        };
        entries.flatten().filter_map(|entry| read(entry.path())).collect()
    }

    /// Writes a record so that it survives the end of the agent once this returns, and the machine's soon after.
    pub async fn save(&self, record: &Record) -> Result<(), Error> {
        let dir = self.task_dir(record.id());
        let text = serde_json::to_vec(record).map_err(io::Error::other);
        let path = dir.join(FILE);
        let (place, draft) = (dir.clone(), path.clone());
        let written = tokio::task::spawn_blocking(move || replace(&place, &text?));
        written.await.map_err(io::Error::other).flatten().map_err(|source| Error {
            attempt: "writing",
            path: draft,
            source,
        })?;
        let _ = self.unsynced.send(dir).await;
        Ok(())
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
    fs::rename(&temporary, dir.join(FILE))
}

/// Brings saved records to the disk: many that wait, each directory once.
async fn sync_all(mut saved: mpsc::Receiver<PathBuf>) {
    let mut waiting = Vec::new();
    while saved.recv_many(&mut waiting, WAITING).await > 0 {
        waiting.sort();
        waiting.dedup();
        let dirs = std::mem::take(&mut waiting);
        let synced = tokio::task::spawn_blocking(move || dirs.iter().for_each(|dir| sync(dir)));
        let _ = synced.await;
    }
}

fn sync(dir: &Path) {
    let synced = || {
        fs::File::open(dir.join(FILE))?.sync_data()?;
        fs::File::open(dir)?.sync_all()
    };
    match synced() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::error!(path = %dir.display(), %error, "a journal does not reach the disk");
        }
        // Removed meanwhile, with its task.
        Err(_) | Ok(()) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str) -> Record {
        let task = serde_json::json!({"arn": format!("arn:aws:ecs:us-east-1:1:task/c/{id}"), "family": "f", "version": "1",
            "desiredStatus": "RUNNING", "taskDefinitionAccountId": "1", "launchType": "FARGATE", "networkMode": "none",
            "containers": []});
        Record::new(serde_json::from_value(task).unwrap(), 1)
    }

    #[tokio::test]
    async fn what_was_saved_is_loaded_until_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        for id in ["a1", "b2"] {
            journal.save(&record(id)).await.unwrap();
        }
        journal.remove("a1").await.unwrap();
        // Cut short before the first record was whole.
        fs::create_dir(dir.path().join("c3")).unwrap();
        let ids: Vec<String> = journal.load().iter().map(|record| record.id().to_string()).collect();
        assert_eq!(ids, ["b2"]);
        assert!(!dir.path().join("c3").exists());
    }

    #[tokio::test]
    async fn a_record_that_lost_power_made_empty_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        journal.save(&record("a1")).await.unwrap();
        fs::write(dir.path().join("a1").join(FILE), b"").unwrap();
        assert!(journal.load().is_empty() && !dir.path().join("a1").exists());
    }
}
