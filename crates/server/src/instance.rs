//! One process a data directory: a lock, and beside it what `status` and `env` tell.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::private;

/// A running Longshore, as others may see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Where the API answers.
    pub endpoint: String,
    /// Where the registry answers.
    pub registry: String,
    /// The account of the root key.
    pub account: String,
    /// The region of clients that name none.
    pub region: String,
    /// The AWS profile that was written.
    pub profile: Option<String>,
}

/// The sole right to a data directory, given back when it is dropped or the process ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: Flock<File>,
}

impl DataDir {
    /// Makes the directory where it is missing, and takes it.
    pub fn take(path: &Path) -> Result<DataDir> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| {
            format!(
                "creating the data directory {}: run as root, or choose another with --data-dir",
                path.display()
            )
        })?;
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock_path(path));
        let file = file.with_context(|| {
            format!("the data directory {} is not ours to use: run as its owner, or choose another with --data-dir", path.display())
        })?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(DataDir { path: path.to_owned(), _lock: lock }),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => {
                let who = match Instance::read(path) {
                    Ok(instance) => format!(" (process {}, {})", instance.pid, instance.endpoint),
                    Err(_) => String::new(),
                };
                bail!(
                    "another Longshore{who} is using {}: stop it first, or choose another directory with --data-dir and another port with --listen",
                    path.display()
                )
            }
            Err((_, error)) => Err(error).with_context(|| format!("locking {}", path.display())),
        }
    }

    /// Tells others about this process.
    pub fn announce(&self, instance: &Instance) -> Result<()> {
        private::write(&instance_path(&self.path), &serde_json::to_string_pretty(instance)?)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        fs::remove_file(instance_path(&self.path)).ok();
    }
}

impl Instance {
    /// Reads what the process that holds `data_dir` announced.
    pub fn read(data_dir: &Path) -> Result<Instance> {
        let path = instance_path(data_dir);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!("no Longshore runs on {}: start one with 'longshore up'", data_dir.display())
            }
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let instance: Instance =
            serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        // What a killed process left behind does not count: nobody holds its lock.
        let lock = OpenOptions::new().read(true).open(lock_path(data_dir))?;
        if Flock::lock(lock, FlockArg::LockSharedNonblock).is_ok() {
            bail!("the Longshore on {} has ended: start it again with 'longshore up'", data_dir.display());
        }
        Ok(instance)
    }
}

fn lock_path(data_dir: &Path) -> PathBuf {
    data_dir.join("lock")
}

fn instance_path(data_dir: &Path) -> PathBuf {
    data_dir.join("instance.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let taken = DataDir::take(dir.path()).unwrap();
        let instance = Instance {
            pid: 7,
            version: "1".into(),
            endpoint: "http://127.0.0.1:1".into(),
            registry: "127.0.0.1:1".into(),
            account: "123456789012".into(),
            region: "us-east-2".into(),
            profile: None,
        };
        taken.announce(&instance).unwrap();
        let refused = format!("{:#}", DataDir::take(dir.path()).unwrap_err());
        assert!(refused.contains("another Longshore (process 7, http://127.0.0.1:1)"), "{refused}");
        drop(taken);
        assert!(Instance::read(dir.path()).is_err());
        DataDir::take(dir.path()).unwrap();
    }
}
