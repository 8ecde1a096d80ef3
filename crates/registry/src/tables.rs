//! The registry's tables.
//!
//! A repository has a unique id, and everything in it is keyed by that id: deleting the
//! `Repository` row makes its contents invisible at once, even to a repository of the same
//! name that is created next; the reaper removes them later.
//!
//! Uploads that have not ended have no row: their name in the blob store says all.
//!
//! | table | key | what it says |
//! |---|---|---|
//! | `ecr/repository` | scope, name | the repository and its settings |
//! | `ecr/contents` | repository id | a counter that every change of images raises: the fence between pushes, deletes and the reaper |
//! | `ecr/image` | repository id, digest | a manifest, and what it refers to |
//! | `ecr/tag` | repository id, tag | where a tag points |
//! | `ecr/link` | repository id, digest | a blob is in a repository |
//! | `ecr/blob` | digest | a blob's object in the blob store; written after the object is durable |
//! | `ecr/grave` | repository id | the repository was deleted, its contents not yet |
//! | `ecr/doomed` | object | the reaper deletes this object: no blob may name it any more |
//! | `ecr/registry` | scope | the settings of one account's registry in one region |
//! | `ecr/template` | scope, prefix | what repositories look like that nobody created by hand |
//! | `ecr/replica` | repository id, digest, destination | an image is to be copied, or was |
//! | `ecr/withdrawal` | repository id, destination, tag or digest | it is to go at the destination too |
//! | `ecr/backfill` | scope, id | the images of a registry are to be copied to a destination |
//! | `ecr/backfill-item` | backfill id, repository, digest | one of them, and how far it is |
//! | `ecr/cache-rule` | scope, prefix | names below the prefix are filled from another registry |
//! | `ecr/compared` | repository id, tag | when a cached tag was last compared with its registry |
//! | `ecr/scan` | repository id, digest | the last scan of an image |

use std::collections::BTreeMap;

use model::ecr::{Digest, ImageTag, RepositoryName, TagMutability};
use model::{Arn, Record, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row, Schema, key};

pub use crate::archive::StorageClass;
pub use crate::cache::{CacheRule, Compared};
pub use crate::replication::{
    Backfill, BackfillItem, BackfillState, Destination, Replica, ReplicaState, Withdrawal, Withdrawn,
};
pub use crate::scan::{Finding, Scan, ScanState, Severity};
pub use crate::settings::{RegistrySettings, ReplicationRule, ScanFrequency, ScanRule};
pub use crate::templates::{Occasion, Template};

/// Adds the registry's tables to `schema`.
pub fn tables(schema: Schema) -> Schema {
    schema
        .table::<Repository>()
        .table::<Contents>()
        .table::<Image>()
        .table::<Tag>()
        .table::<Link>()
        .table::<Blob>()
        .table::<Grave>()
        .table::<Doomed>()
        .table::<RegistrySettings>()
        .table::<Template>()
        .table::<Replica>()
        .table::<Withdrawal>()
        .table::<Backfill>()
        .table::<BackfillItem>()
        .table::<Scan>()
        .table::<CacheRule>()
        .table::<Compared>()
}

/// A repository and its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repository {
    /// Unique among all repositories that ever were.
    pub id: String,
    /// The account and region.
    pub scope: Scope,
    /// The name.
    pub name: RepositoryName,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether tags may be moved.
    pub mutability: TagMutability,
    /// Whether a push is scanned.
    pub scan_on_push: bool,
    /// How its contents are encrypted.
    pub encryption: Encryption,
    /// The resource's tags.
    pub tags: BTreeMap<String, String>,
    /// The repository policy, as it was given.
    pub policy: Option<String>,
    /// The lifecycle policy.
    pub lifecycle: Option<Lifecycle>,
    /// The lifecycle policy that was last previewed.
    #[serde(default)]
    pub preview: Option<String>,
}

/// How a repository says that it is encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// `AES256`, `KMS` or `KMS_DSSE`.
    pub kind: String,
    /// The key, for the KMS kinds.
    pub kms_key: Option<String>,
}

impl Default for Encryption {
    fn default() -> Self {
        Encryption { kind: "AES256".to_owned(), kms_key: None }
    }
}

/// A lifecycle policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// The policy, as it was given.
    pub text: String,
    /// When it was last acted on.
    pub evaluated_at: Option<Timestamp>,
}

/// The fence of a repository's images: see the table above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The repository's id.
    pub repository: String,
    /// How often the images have changed.
    pub generation: u64,
}

/// A manifest in a repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// The repository's id.
    pub repository: String,
    /// The manifest's digest.
    pub digest: Digest,
    /// The manifest's media type.
    pub media_type: String,
    /// The artifact type, or the configuration's media type.
    pub artifact_type: Option<String>,
    /// The manifest's size in bytes.
    pub manifest_size: u64,
    /// The size of configuration and layers together.
    pub image_size: u64,
    /// When it was pushed.
    pub pushed_at: Timestamp,
    /// When it was last pulled; recorded at most once a day, as ECR does.
    pub pulled_at: Option<Timestamp>,
    /// The blobs that the manifest needs.
    pub blobs: Vec<Digest>,
    /// The manifests that an index lists.
    pub manifests: Vec<Digest>,
    /// The manifest that this one is about.
    pub subject: Option<Digest>,
    /// The manifest's annotations, for lists of referrers.
    pub annotations: BTreeMap<String, String>,
    /// Whether its annotations are too long for a row, and read from the manifest when listed.
    #[serde(default)]
    pub annotations_apart: bool,
    /// Where it is kept.
    #[serde(default)]
    pub storage: StorageClass,
    /// When it was last archived.
    #[serde(default)]
    pub archived_at: Option<Timestamp>,
    /// When it last came back from the archive.
    #[serde(default)]
    pub activated_at: Option<Timestamp>,
}

/// Where a tag points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The repository's id.
    pub repository: String,
    /// The tag.
    pub tag: ImageTag,
    /// The image.
    pub digest: Digest,
    /// When it was put there.
    pub tagged_at: Timestamp,
}

/// A blob is in a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The repository's id.
    pub repository: String,
    /// The blob's digest.
    pub digest: Digest,
    /// The blob's size.
    pub size: u64,
    /// When it was last pushed, mounted or asked for by a push.
    pub touched_at: Timestamp,
}

/// A blob in the blob store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// The digest.
    pub digest: Digest,
    /// The object's name; unique, so that deleting it can never hit a later upload of the same bytes.
    pub object: String,
    /// The size in bytes.
    pub size: u64,
    /// When it was last linked to a repository.
    pub touched_at: Timestamp,
}

/// A repository was deleted, its contents not yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grave {
    /// The repository's id.
    pub repository: String,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

/// An object that the reaper deletes. The row outlives the object for a grace period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doomed {
    /// The object's name.
    pub object: String,
    /// When it was decided.
    pub doomed_at: Timestamp,
}

impl Repository {
    /// The repository's ARN.
    pub fn arn(&self) -> Arn {
        repository_arn(&self.scope, &self.name)
    }

    /// The row's key.
    pub fn key_of(scope: &Scope, name: &RepositoryName) -> Key {
        key![scope, name.as_str()]
    }
}

/// The ARN of the repository of that name.
pub fn repository_arn(scope: &Scope, name: &RepositoryName) -> Arn {
    Arn::new("ecr", scope, format!("repository/{name}"))
}

impl Record for Repository {}
impl Row for Repository {
    const TABLE: &'static str = "ecr/repository";
    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        vec![("id", key![self.id])]
    }
}

impl Record for Contents {}
impl Row for Contents {
    const TABLE: &'static str = "ecr/contents";
    fn key(&self) -> Key {
        key![self.repository]
    }
}

impl Record for Image {}
impl Row for Image {
    const TABLE: &'static str = "ecr/image";
    fn key(&self) -> Key {
        key![self.repository, self.digest.as_str()]
    }
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        let mut keys: Vec<_> = self
            .blobs
            .iter()
            .map(|digest| ("blob", key![self.repository, digest.as_str()]))
            .chain(self.manifests.iter().map(|digest| ("child", key![self.repository, digest.as_str()])))
            .chain(self.subject.iter().map(|digest| ("subject", key![self.repository, digest.as_str()])))
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

impl Record for Tag {}
impl Row for Tag {
    const TABLE: &'static str = "ecr/tag";
    fn key(&self) -> Key {
        key![self.repository, self.tag.as_str()]
    }
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        vec![("image", key![self.repository, self.digest.as_str()])]
    }
}

impl Record for Link {}
impl Row for Link {
    const TABLE: &'static str = "ecr/link";
    fn key(&self) -> Key {
        key![self.repository, self.digest.as_str()]
    }
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        vec![("digest", key![self.digest.as_str()])]
    }
}

impl Record for Blob {}
impl Row for Blob {
    const TABLE: &'static str = "ecr/blob";
    fn key(&self) -> Key {
        key![self.digest.as_str()]
    }
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        vec![("object", key![self.object])]
    }
}

impl Record for Grave {}
impl Row for Grave {
    const TABLE: &'static str = "ecr/grave";
    fn key(&self) -> Key {
        key![self.repository]
    }
}

impl Record for Doomed {}
impl Row for Doomed {
    const TABLE: &'static str = "ecr/doomed";
    fn key(&self) -> Key {
        key![self.object]
    }
}
