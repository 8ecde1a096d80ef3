//! Files that only their owner may read, written whole or not at all.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::Path;

use anyhow::{Context, Result};

/// Replaces the file at `path` atomically and durably; readable by its owner alone.
///
/// A symbolic link stays one: the file that it names is replaced. The owner stays too; a new file
/// gets that of the directory, so that root (under sudo) leaves a user's files to the user.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let path = fs::canonicalize(path).or_else(|_| std::path::absolute(path)).context("finding a file")?;
    let parent = path.parent().context("a file has a directory")?;
    let owner = make_directory(parent).with_context(|| format!("creating {}", parent.display()))?;
    let owner = fs::metadata(&path).map_or(owner, |known| (known.uid(), known.gid()));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = parent.join(format!(".{name}.longshore-{}", std::process::id()));
    let written = write_new(&temporary, text, owner).and_then(|()| fs::rename(&temporary, &path));
    if written.is_err() {
        fs::remove_file(&temporary).ok();
    }
    written.with_context(|| format!("writing {}", path.display()))?;
    let synced = fs::File::open(parent).and_then(|directory| directory.sync_all());
    synced.with_context(|| format!("syncing {}", parent.display()))
}

/// Makes a directory for its owner alone where it is missing; answers who owns it.
fn make_directory(path: &Path) -> io::Result<(u32, u32)> {
    if let Ok(known) = fs::metadata(path) {
        return Ok((known.uid(), known.gid()));
    }
    let owner = path.parent().map_or(Ok((0, 0)), make_directory)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    give(path, owner)?;
    Ok(owner)
}

fn write_new(path: &Path, text: &str, owner: (u32, u32)) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    give(path, owner)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Only root can give a file away, and nobody else needs to.
fn give(path: &Path, (user, group): (u32, u32)) -> io::Result<()> {
    if nix::unistd::geteuid().is_root() { chown(path, Some(user), Some(group)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn links_stay_and_others_cannot_read() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
