//! Which images may go: the longest unused, when the disk fills up, and those that nobody used for long.
//!
//! Only image records are removed here; containerd collects what nothing refers to any more. What a
//! container runs on is referred to by the container's own snapshot and stays; its image is not removed at all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use containerd_client::services::v1::snapshots::{Kind, ListSnapshotsRequest};
use containerd_client::services::v1::{DeleteImageRequest, Image, ListImagesRequest};

use super::content::Content;
use super::error::Error;
use super::pull::Images;

/// Names the snapshot that containers of an image stand on.
pub(super) const CHAIN_LABEL: &str = "longshore.chain-id";
/// Images removed at once under pressure; then the disk is looked at again.
const BATCH: usize = 5;

/// Percent of the disk in use from which images go.
const PRESSURE_PERCENT: u64 = 85;

/// When images go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Between two looks at the disk.
    pub every: Duration,
    /// An image that was used more recently stays even under pressure: somebody may be about to use it.
    pub minimum_age: Duration,
    /// Unused for so long, an image goes even when there is room.
    pub unused_for: Duration,
}

impl Default for CleanupPolicy {
    fn default() -> Self {
        CleanupPolicy {
            every: Duration::from_secs(5 * 60),
            minimum_age: Duration::from_secs(10 * 60),
            unused_for: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// What a collection did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// The names of the images that were removed.
    pub removed: Vec<String>,
}

/// An image that might go.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    name: String,
    unused_for: Duration,
}

impl Images {
    /// Collects now and then, for as long as these images are in use. Needs a tokio runtime.
    pub(super) fn collect_in_background(&self, data_dir: PathBuf) {
        let (shared, every) = (Arc::downgrade(&self.shared), self.shared.cleanup.every);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(shared) = shared.upgrade() else { return };
                match (Images { shared }).collect(is_filling_up(&data_dir)).await {
                    Ok(collected) if collected.removed.is_empty() => {}
                    Ok(collected) => {
                        tracing::info!(removed = ?collected.removed, "images that nobody used are gone")
                    }
                    Err(error) => tracing::warn!(%error, "images are not collected"),
                }
            }
        });
    }

    /// Removes images that were not used for long, and under disk pressure the longest unused ones.
    pub async fn collect(&self, disk_pressure: bool) -> Result<Collected, Error> {
        let connection = &self.shared.connection;
        let request = connection.request(ListImagesRequest::default());
        let listed = connection.client().images().list(request).await;
        let images = listed.map_err(Error::containerd("listing images"))?.into_inner().images;
        let used = self.snapshots_in_use().await?;
        let is_idle =
            |image: &&Image| image.labels.get(CHAIN_LABEL).is_none_or(|chain| !used.contains(chain));
        let candidates = images.iter().filter(is_idle).map(|image| self.candidate(image)).collect();
        let removed = choose(candidates, disk_pressure, self.shared.cleanup);
        for name in &removed {
            self.remove(name).await?;
        }
        if !removed.is_empty() {
            // Dropping a lease in step makes containerd collect at once.
            Content::lease(connection, "longshore-collect").await?.release(true).await;
        }
        Ok(Collected { removed })
    }

    /// The snapshots that containers stand on.
    async fn snapshots_in_use(&self) -> Result<BTreeSet<String>, Error> {
        let connection = &self.shared.connection;
        let snapshotter = connection.snapshotter().to_string();
        let request = connection.request(ListSnapshotsRequest { snapshotter, filters: Vec::new() });
        let listed = connection.client().snapshots().list(request).await;
        let mut listed = listed.map_err(Error::containerd("listing snapshots"))?.into_inner();
        let mut parents = BTreeSet::new();
        while let Some(part) = listed.message().await.map_err(Error::containerd("listing snapshots"))? {
            let active = part.info.into_iter().filter(|info| info.kind() == Kind::Active);
            parents.extend(active.map(|info| info.parent));
        }
        Ok(parents)
    }

    fn candidate(&self, image: &Image) -> Candidate {
        let digest = image.name.rsplit_once('@').map_or("", |(_, digest)| digest);
        let used = self.shared.used.lock().get(digest).map(|at| at.elapsed());
        let recorded = image.updated_at.as_ref().and_then(|at| {
            let seconds = u64::try_from(at.seconds).ok()?;
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).ok()
        });
        Candidate { name: image.name.clone(), unused_for: used.or(recorded).unwrap_or_default() }
    }

    async fn remove(&self, name: &str) -> Result<(), Error> {
        if let Some((_, digest)) = name.rsplit_once('@') {
            self.shared.ready.lock().remove(digest);
            self.shared.used.lock().remove(digest);
        }
        let request = DeleteImageRequest { name: name.to_string(), ..DeleteImageRequest::default() };
        let connection = &self.shared.connection;
        let removed = connection.client().images().delete(connection.request(request)).await;
        match removed {
            Err(status) if status.code() != tonic::Code::NotFound => {
                Err(Error::containerd("removing an image")(status))
            }
            _ => Ok(()),
        }
    }
}

/// Whether the disk that holds `dir` has little room left.
fn is_filling_up(dir: &Path) -> bool {
    let Ok(disk) = nix::sys::statvfs::statvfs(dir) else { return false };
    let (total, free) = (disk.blocks().max(1), disk.blocks_available());
    (total - free.min(total)) * 100 / total >= PRESSURE_PERCENT
}

/// The names of those to remove, the longest unused first.
fn choose(mut candidates: Vec<Candidate>, disk_pressure: bool, policy: CleanupPolicy) -> Vec<String> {
    candidates.retain(|candidate| candidate.unused_for >= policy.minimum_age);
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.unused_for));
    let old = candidates.iter().filter(|candidate| candidate.unused_for >= policy.unused_for).count();
    let count = if disk_pressure { old.max(BATCH) } else { old };
    candidates.into_iter().take(count).map(|candidate| candidate.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(minutes: &[u64], pressure: bool, expected: &[&str]) {
        let candidates = minutes.iter().map(|minutes| Candidate {
            name: minutes.to_string(),
            unused_for: Duration::from_secs(minutes * 60),
        });
        assert_eq!(choose(candidates.collect(), pressure, CleanupPolicy::default()), expected);
    }

    #[test]
    fn the_old_go_and_the_young_stay() {
        check(&[1, 9, 60], false, &[]);
        check(&[1, 20_000, 60], false, &["20000"]);
        check(&[1, 9, 60, 30], true, &["60", "30"]);
        check(&[11, 12, 13, 14, 15, 16, 17], true, &["17", "16", "15", "14", "13"]);
    }
}
