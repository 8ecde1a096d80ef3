//! OCI distribution server over blobs, and the repositories and images of ECR.
//!
//! [`Registry`] is both: its HTTP side ([`Registry::handle`]) speaks the distribution
//! protocol under `/v2/`, and its typed functions are what the `ecr` room calls. Content
//! streams into the blob store with constant memory; a row that makes it visible is
//! committed only after its digest was verified and its bytes are durable. What may be
//! deleted when is decided in [`mod@reap`]; `tables.rs` explains the rows.

mod archive;
pub mod cache;
mod content;
mod error;
mod hashing;
mod http;
mod images;
mod layers;
pub mod lifecycle;
mod manifest;
mod push;
mod range;
pub mod reap;
pub mod replication;
mod repositories;
mod scan;
pub mod settings;
pub mod tables;
pub mod templates;
pub mod token;
mod uploads;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::{AccountId, Arn, IdSource, Timestamp};
use parking_lot::Mutex;
use store::{Blobs, Store};
use tokio::sync::Notify;

pub use archive::StorageClass;
pub use content::ContentStream;
pub use error::{Error, Fault};
pub use hashing::{Hasher, digest_of};
pub use http::{Body, BodyError};
pub use images::{Reference, Referrers};
pub use manifest::{MAX_MANIFEST_BYTES, Manifest};
pub use push::{Push, Pushed};
pub use range::{ChunkRange, Wanted, wanted};
pub use repositories::NewRepository;
pub use token::{Caller, SealKey};
pub use uploads::{Chunk, Incoming};

use cache::Upstreams;
use content::Content;
use replication::{PeerConfig, Peers};

/// Decides whether a caller may do something: the registry's way to the authorisation point.
pub trait Gate: Send + Sync {
    /// Whether `caller` may perform the IAM `action` on `resource` at the moment `now`.
    fn allows(&self, caller: &Caller, action: &str, resource: &Arn, now: Timestamp) -> bool;
}

/// What a registry needs besides its stores.
pub struct Config {
    /// The key that seals tokens.
    pub seal: SealKey,
    /// Where ids come from.
    pub ids: Box<dyn IdSource>,
    /// Who may do what.
    pub gate: Arc<dyn Gate>,
    /// How long something unreferenced is kept: longer than any push takes.
    pub grace: Duration,
    /// The folder of the vulnerability database, if the operator has one.
    pub vulnerabilities: Option<PathBuf>,
    /// By host of a registry, the base address that is asked instead of it.
    pub mirrors: BTreeMap<String, String>,
    /// The Longshores of other accounts that images may be copied to.
    pub peers: BTreeMap<AccountId, PeerConfig>,
}

/// The default of [`Config::grace`].
pub const DEFAULT_GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// The registry of every account and region that the store holds.
pub struct Registry {
    pub(crate) store: Store,
    pub(crate) content: Content,
    pub(crate) seal: SealKey,
    pub(crate) gate: Arc<dyn Gate>,
    pub(crate) grace: Duration,
    pub(crate) vulnerabilities: Option<PathBuf>,
    pub(crate) work: Notify,
    pub(crate) upstreams: Upstreams,
    pub(crate) peers: Peers,
    /// Held while it is decided whether a backfill may begin.
    pub(crate) backfilling: tokio::sync::Mutex<()>,
    ids: Mutex<Box<dyn IdSource>>,
}

/// How often a change is tried again when somebody else wrote first.
pub(crate) const MAX_ATTEMPTS: usize = 64;

impl Registry {
    /// Builds a registry over a store whose schema has [`tables::tables`].
    pub fn new(store: Store, blobs: Blobs, config: Config) -> Self {
        let Config { seal, ids, gate, grace, vulnerabilities, mirrors, peers } = config;
        let (content, work, ids) = (Content::new(blobs), Notify::new(), Mutex::new(ids));
        let (upstreams, peers) = (Upstreams::new(mirrors), Peers::new(peers));
        let backfilling = tokio::sync::Mutex::default();
        Registry {
            store,
            content,
            seal,
            gate,
            grace,
            vulnerabilities,
            work,
            upstreams,
            peers,
            backfilling,
            ids,
        }
    }

    /// Waits until a push or a request wishes for a copy or a scan.
    pub async fn work_is_wished(&self) {
        self.work.notified().await;
    }

    /// Whether copies can go to the registry of this account.
    pub fn has_peer(&self, account: &AccountId) -> bool {
        self.peers.knows(account)
    }

    /// A new random UUID.
    pub(crate) fn uuid(&self) -> String {
        self.ids.lock().uuid()
    }

    /// Seals a token with which `caller` can log in until `expires_at`.
    pub fn mint_token(&self, caller: &Caller, expires_at: model::Timestamp) -> String {
        self.seal.mint(caller, expires_at)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("grace", &self.grace).finish_non_exhaustive()
    }
}

/// Turns a store failure into ours, saying what was attempted.
pub(crate) fn store_failure(attempt: &'static str) -> impl FnOnce(store::Error) -> Error {
    move |source| Error::Store { attempt, source }
}
