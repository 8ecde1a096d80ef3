//! How finished bytes become a blob on the local file system: sync, link, sync the directories.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::error::Error;
use super::name::BlobName;

/// Whether the blob was published or its name was already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    New,
    Existed,
}

/// Makes `file` (at `spooled`) durable and gives it its name; `spooled` is removed.
///
/// A hard link never replaces what exists, and shows the blob whole or not at all.
pub(super) fn publish(
    file: &File,
    spooled: &Path,
    directory: &Path,
    name: &BlobName,
) -> Result<Published, Error> {
    let failed = |attempt, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { attempt, path, source }
    };
    file.sync_all().map_err(failed("syncing", spooled))?;
    let target = directory.join(name.as_str());
    let parent = target.parent().unwrap_or(directory);
    make_directories(directory, parent).map_err(failed("creating", parent))?;
    let published = match fs::hard_link(spooled, &target) {
        Ok(()) => Published::New,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Published::Existed,
        Err(error) => return Err(failed("linking", &target)(error)),
    };
    // Also where it existed: its writer may not have reached this line yet.
    sync_directory(parent).map_err(failed("syncing", parent))?;
    fs::remove_file(spooled).map_err(failed("removing", spooled))?;
    Ok(published)
}

/// Makes `wanted` below `root`, each new directory's entry synced.
fn make_directories(root: &Path, wanted: &Path) -> io::Result<()> {
    if wanted == root || wanted.is_dir() {
        return Ok(());
    }
    let parent = wanted.parent().unwrap_or(root);
    make_directories(root, parent)?;
    match fs::create_dir(wanted) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_directory(parent),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
