//! How much disk a task uses: what its containers wrote into their root file systems, and its volumes.
//!
//! Looked at when the node's disk has filled noticeably, or now and then: an idle node costs one call each ten
//! seconds. A task beyond its ephemeral storage is stopped.
//! Deviation: on Fargate its writes fail instead; that takes a file system with project quotas for each node.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::node::Node;
use super::record::{Record, Stop};

/// Between two looks at the node's disk.
pub const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The node's disk must have grown by so much to be worth a look at each task.
const NOTICEABLE_BYTES: u64 = 64 << 20;
/// After so long every task is looked at: growth of one may hide behind another's shrinking.
const LONGEST: Duration = Duration::from_secs(300);
/// Directory entries looked at in one task's volumes; beyond it what was counted counts.
const ENTRY_LIMIT: usize = 2_000_000;
const MIB: u64 = 1 << 20;

/// Tells when tasks are to be measured.
#[derive(Debug, Default)]
pub struct Watch {
    last: Option<(Instant, u64)>,
}

impl Watch {
    /// Whether the disk that holds `dir` has changed enough since tasks were last measured.
    pub fn is_due(&mut self, dir: &Path, now: Instant) -> bool {
        let Ok(disk) = nix::sys::statvfs::statvfs(dir) else { return false };
        let used = (disk.blocks() - disk.blocks_free()) * disk.fragment_size();
        let due = self.last.is_none_or(|(at, before)| {
            used >= before.saturating_add(NOTICEABLE_BYTES) || now.duration_since(at) >= LONGEST
        });
        if due {
            self.last = Some((now, used));
        }
        due
    }
}

/// Whether a task has a limit that must be watched.
pub fn is_limited(record: &Record) -> bool {
    limit_mib(record).is_some()
}

/// The task's limit in MiB.
pub fn limit_mib(record: &Record) -> Option<u64> {
    record.task.longshore.as_ref()?.ephemeral_storage_gib.map(|gib| u64::from(gib) * 1024)
}

/// Measures what a task uses, in MiB.
pub async fn measure(node: &Node, record: &Record) -> Result<u64, String> {
    let mut bytes = 0;
    for container in record.containers.values().filter(|container| container.created_at.is_some()) {
        let used = node.runtime.disk_usage(&container.runtime_id).await;
        bytes += used.map_err(|error| super::errors::chain(&error))?;
    }
    let volumes = node.journal.task_dir(record.id()).join("volumes");
    let walked = tokio::task::spawn_blocking(move || tree_bytes(&volumes));
    Ok((bytes + walked.await.map_err(|error| error.to_string())?).div_ceil(MIB))
}

/// Why a task that uses `used_mib` has to stop, if it has to.
pub fn verdict(record: &Record, used_mib: u64) -> Option<Stop> {
    let limit = limit_mib(record).filter(|limit| used_mib > *limit)?;
    Some(Stop {
        code: Some("EssentialContainerExited".into()),
        reason: Some(format!(
            "OutOfEphemeralStorageError: Task used {used_mib} MiB of its {limit} MiB of ephemeral storage"
        )),
    })
}

/// What the files of a tree occupy; a file with several names counts once, other file systems do not.
fn tree_bytes(root: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(root) else { return 0 };
    let (device, mut seen) = (metadata.dev(), BTreeSet::new());
    let (mut bytes, mut entries, mut dirs) = (0, 0, vec![root.to_path_buf()]);
    while let Some(dir) = dirs.pop() {
        let Ok(listing) = fs::read_dir(&dir) else { continue };
        for entry in listing.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            entries += 1;
            if entries > ENTRY_LIMIT {
                return bytes;
            }
            if metadata.dev() != device
                || (metadata.nlink() > 1 && !metadata.is_dir() && !seen.insert(metadata.ino()))
            {
                continue;
            }
            bytes += metadata.blocks() * 512;
            if metadata.is_dir() {
                dirs.push(entry.path());
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_measured_once() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(tree_bytes(&dir.path().join("none")), 0);
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(dir.path().join("d/file"), vec![1; 1 << 20]).unwrap();
        let once = tree_bytes(dir.path());
        assert!(once >= 1 << 20, "{once}");
        fs::hard_link(dir.path().join("d/file"), dir.path().join("again")).unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("root")).unwrap();
        assert_eq!(tree_bytes(dir.path()), once);
    }

    #[test]
    fn tasks_are_measured_when_the_disk_has_grown() {
        let dir = tempfile::tempdir().unwrap();
        let (mut watch, now) = (Watch::default(), Instant::now());
        assert!(watch.is_due(dir.path(), now));
        let (_, used) = watch.last.unwrap();
        watch.last = Some((now, used + NOTICEABLE_BYTES));
        assert!(!watch.is_due(dir.path(), now + LOOK_EVERY));
        assert!(watch.is_due(dir.path(), now + LONGEST));
    }
}
