//! Basic scanning: which packages an image has, and which of their vulnerabilities are known.
//!
//! A scan is wished for by a row in state `Pending`, in the commit of a push or by a request; the
//! worker ([`Registry::scan_pending`]) takes it from there: layers are laid over each other
//! (`overlay`), package databases are read (`packages`), the operator's database is searched
//! (`database`). Findings and the bill of materials become blobs of the repository, which the
//! row names and so keeps.

mod bill;
mod database;
mod overlay;
mod packages;
mod severity;
mod version;

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::StreamExt;
use model::ecr::{Algorithm, Digest};
use model::{Record, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row, Txn, Versioned, key};
use wire::oci::{ImageManifest, MediaType};

pub use severity::Severity;

use crate::error::{Error, Fault};
use crate::hashing::digest_of;
use crate::images::{Reference, image_unknown};
use crate::tables::{Image, Repository};
use crate::{MAX_ATTEMPTS, Registry, store_failure};
use database::Match;
use overlay::{Overlay, Pipe};
use packages::Inventory;

/// How many scans one round takes on.
const SCANS_PER_ROUND: usize = 100;
/// How many parts of a layer wait for the reader.
const PARTS_AHEAD: usize = 2;

/// How far a scan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScanState {
    /// It is wished for, or under way.
    Pending,
    /// There are findings, maybe none.
    Complete,
    /// It failed.
    Failed,
    /// Nothing is known of what the image consists of.
    Unsupported,
}

/// The last scan of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// The repository's id.
    pub repository: String,
    /// The image.
    pub digest: Digest,
    /// How far it is.
    pub state: ScanState,
    /// What there is to say of that.
    pub description: String,
    /// When it was wished for.
    pub requested_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// When the vulnerability database last changed.
    pub database_at: Option<Timestamp>,
    /// How many findings of which severity.
    pub counts: BTreeMap<Severity, u32>,
    /// The blob with the findings.
    pub findings: Option<Digest>,
    /// The blob with the bill of materials.
    pub bill: Option<Digest>,
}

/// One vulnerability of one package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The CVE, or the database's own id.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Where more is written.
    pub uri: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// The CVSS vector.
    pub vector: Option<String>,
    /// The package.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// The version without the vulnerability.
    pub fixed: Option<String>,
}

impl Record for Scan {}
impl Row for Scan {
    const TABLE: &'static str = "ecr/scan";
    fn key(&self) -> Key {
        key![self.repository, self.digest.as_str()]
    }
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        let kept = self.findings.iter().chain(&self.bill);
        let kept = kept.map(|digest| ("kept", key![self.repository, digest.as_str()]));
        let pending = (self.state == ScanState::Pending).then(|| ("pending", key!["pending"]));
        let mut keys: Vec<_> = kept.chain(pending).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

impl Scan {
    /// A scan that somebody wishes for.
    pub(crate) fn wished(repository: &Repository, digest: &Digest, now: Timestamp) -> Self {
        Scan {
            repository: repository.id.clone(),
            digest: digest.clone(),
            state: ScanState::Pending,
            description: "The scan is in progress.".to_owned(),
            requested_at: now,
            completed_at: None,
            database_at: None,
            counts: BTreeMap::new(),
            findings: None,
            bill: None,
        }
    }
}

/// What came out of a scan.
enum Outcome {
    Found { inventory: Inventory, matches: Vec<Match>, database_at: Option<Timestamp> },
    Not { state: ScanState, why: String },
}

impl Registry {
    /// Whether there is a vulnerability database.
    pub fn can_scan(&self) -> bool {
        self.vulnerabilities.is_some()
    }

    /// Wishes for a scan of an image; one that is pending stays.
    pub async fn start_scan(
        &self,
        repository: &Repository,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Scan, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = self.store.snapshot();
            let place = key![repository.id, digest.as_str()];
            let image = snapshot.get::<Image>(&place);
            let image = image.ok_or_else(|| image_unknown(repository, &Reference::Digest(digest.clone())))?;
            let wished = Scan::wished(repository, digest, now);
            let txn = match snapshot.get::<Scan>(&place) {
                Some(known) if known.state == ScanState::Pending => return Ok(Scan::clone(&known)),
                Some(known) => Txn::new().update(&known, &wished),
                None => Txn::new().insert(&wished),
            };
            match self.store.commit(txn.expect(&image)).await {
                Ok(_) => {
                    self.work.notify_one();
                    return Ok(wished);
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("starting a scan")(error)),
            }
        }
        Err(Error::Contended)
    }

    /// The last scan of an image.
    pub fn scan(&self, repository: &Repository, digest: &Digest) -> Option<Versioned<Scan>> {
        self.store.get::<Scan>(&key![repository.id, digest.as_str()])
    }

    /// The findings of a scan, the worst first.
    pub async fn findings(&self, scan: &Scan) -> Result<Vec<Finding>, Error> {
        let Some(digest) = &scan.findings else { return Ok(Vec::new()) };
        let blob = self.blob(digest)?;
        let bytes = self.content.read_all(&blob.object, blob.size).await?;
        serde_json::from_slice(&bytes)
            .map_err(|source| Error::Content { attempt: "reading findings", source: Box::new(source) })
    }

    /// Runs the scans that are wished for; answers how many ended.
    pub async fn scan_pending(&self, now: Timestamp) -> Result<usize, Error> {
        let pending =
            self.store.snapshot().page_by::<Scan>("pending", &key!["pending"], None, SCANS_PER_ROUND);
        let mut ended = 0;
        for scan in pending {
            let snapshot = self.store.snapshot();
            let Some(repository) = snapshot.all_by::<Repository>("id", &key![scan.repository]).next() else {
                // The repository is gone; the reaper takes the row with the rest.
                continue;
            };
            let outcome = match self.examine(&repository, &scan.digest).await {
                Ok(outcome) => outcome,
                Err(error) if error.fault() == Fault::Caller => {
                    Outcome::Not { state: ScanState::Failed, why: error.to_string() }
                }
                Err(error) => return Err(error),
            };
            let done = self.conclude(&repository, &scan, outcome, now).await?;
            match self.store.commit(Txn::new().update(&scan, &done)).await {
                Ok(_) => ended += 1,
                // The image was deleted or its scan started anew.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("ending a scan")(error)),
            }
        }
        Ok(ended)
    }

    /// Looks through an image and the database.
    async fn examine(&self, repository: &Repository, digest: &Digest) -> Result<Outcome, Error> {
        let not = |state, why: &str| Ok(Outcome::Not { state, why: why.to_owned() });
        let Some(folder) = self.vulnerabilities.clone() else {
            return not(
                ScanState::Failed,
                "There is no vulnerability database: the operator has to supply one.",
            );
        };
        let image = self.image(repository, &Reference::Digest(digest.clone()))?;
        if MediaType::named(&image.media_type).is_none_or(MediaType::is_index) {
            return not(ScanState::Unsupported, "An index is not scanned, only the images that it lists.");
        }
        let manifest: ImageManifest = serde_json::from_slice(&self.manifest(&image).await?)
            .map_err(|error| Error::ManifestInvalid(error.to_string()))?;
        let mut overlay = Overlay::default();
        for layer in &manifest.layers {
            let Ok(layer_digest) = layer.digest.parse::<Digest>() else { continue };
            if !layer.media_type.contains("tar") || !image.blobs.contains(&layer_digest) {
                continue;
            }
            overlay = match self.lay(overlay, &layer_digest).await? {
                Ok(overlay) => overlay,
                Err(error) => return not(ScanState::Failed, &format!("Layer {layer_digest}: {error}")),
            };
        }
        let unreadable = overlay.files.keys().any(|path| packages::is_unreadable(path));
        let inventory = packages::list(&overlay.files);
        if inventory.packages.is_empty() {
            let why = match unreadable {
                true => "UnsupportedImageError: The image's rpm database is of an older form.",
                false => {
                    "UnsupportedImageError: The operating system and/or package manager are not supported."
                }
            };
            return not(ScanState::Unsupported, why);
        }
        search(folder, inventory).await
    }

    /// Lays one layer over the others, in a blocking thread that reads as the bytes arrive.
    async fn lay(
        &self,
        mut overlay: Overlay,
        layer: &Digest,
    ) -> Result<Result<Overlay, std::io::Error>, Error> {
        let blob = self.blob(layer)?;
        let mut stream = self.content.stream(&blob.object, 0..blob.size)?;
        let (parts, receiver) = tokio::sync::mpsc::channel(PARTS_AHEAD);
        let reader = tokio::task::spawn_blocking(move || {
            let pipe = Pipe { parts: receiver, current: Bytes::new() };
            overlay.add(pipe).map(|()| overlay)
        });
        while let Some(part) = stream.next().await {
            // The reader ends early when the archive does, or is broken.
            if parts.send(part).await.is_err() {
                break;
            }
        }
        drop(parts);
        Ok(reader.await.unwrap_or_else(|error| Err(std::io::Error::other(error))))
    }

    /// The row of a scan that has ended; what it names is stored first.
    async fn conclude(
        &self,
        repository: &Repository,
        scan: &Scan,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Scan, Error> {
        let ended = Scan { completed_at: Some(now), ..scan.clone() };
        let (inventory, matches, database_at) = match outcome {
            Outcome::Not { state, why } => return Ok(Scan { state, description: why, ..ended }),
            Outcome::Found { inventory, matches, database_at } => (inventory, matches, database_at),
        };
        let mut counts = BTreeMap::new();
        let mut findings = Vec::with_capacity(matches.len());
        for found in matches {
            *counts.entry(found.severity).or_insert(0) += 1;
            let package = &inventory.packages[found.package];
            findings.push(Finding {
                name: found.id,
                description: found.text,
                uri: found.uri,
                severity: found.severity,
                vector: found.vector,
                package: package.name.clone(),
                version: package.version.clone(),
                fixed: found.fixed,
            });
        }
        let bill = bill::write(repository.name.as_str(), scan.digest.as_str(), &self.uuid(), &inventory);
        let bill = self.keep(repository, &bill, now).await?;
        let findings = self.keep(repository, &findings, now).await?;
        Ok(Scan {
            state: ScanState::Complete,
            description: format!(
                "The scan was completed successfully. The bill of materials is the repository's blob {bill}."
            ),
            database_at,
            counts,
            findings: Some(findings),
            bill: Some(bill),
            ..ended
        })
    }

    async fn keep(
        &self,
        repository: &Repository,
        what: &impl Serialize,
        now: Timestamp,
    ) -> Result<Digest, Error> {
        let bytes = serde_json::to_vec(what).expect("findings hold only what JSON can express");
        let digest = digest_of(Algorithm::Sha256, &bytes);
        self.store_small(repository, &digest, bytes.into(), now).await?;
        Ok(digest)
    }
}

async fn search(folder: PathBuf, inventory: Inventory) -> Result<Outcome, Error> {
    let searched = tokio::task::spawn_blocking(move || {
        let found = database::search(&folder, &inventory.packages);
        found.map(|(matches, database_at)| Outcome::Found { inventory, matches, database_at })
    });
    let searched = searched.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    Ok(searched.unwrap_or_else(|error| Outcome::Not {
        state: ScanState::Failed,
        why: format!("The vulnerability database could not be read: {error}"),
    }))
}
