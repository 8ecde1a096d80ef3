//! What is to be copied or taken away, and how far that is.

use std::fmt;

use model::ecr::{Digest, ImageTag};
use model::record::RecordError;
use model::{AccountId, Record, Region, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Key, Row, key};

use crate::tables::Repository;

/// The index of rows that wait, by the moment from which on they are tried.
pub(super) const PENDING: &str = "pending";

/// A registry that gets copies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Destination {
    /// The account of a peer; none for our own.
    pub registry: Option<AccountId>,
    /// The region.
    pub region: Region,
}

impl Destination {
    /// A region of our own account, as it is written.
    pub(crate) fn of_region(region: Value) -> Value {
        json!({ "registry": null, "region": region })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.registry {
            Some(registry) => write!(f, "{registry}/{}", self.region),
            None => write!(f, "{}", self.region),
        }
    }
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplicaState {
    /// It is to be made.
    Pending,
    /// It is there.
    Complete,
    /// It could not be made.
    Failed,
}

/// A copy of an image at a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// The id of the repository that the image was pushed to.
    pub repository: String,
    /// The image.
    pub digest: Digest,
    /// Where the copy is to be.
    pub destination: Destination,
    /// How far it is.
    pub state: ReplicaState,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it was wished for.
    pub requested_at: Timestamp,
    /// How often it was tried in vain.
    pub tries: u32,
    /// When it is tried next.
    pub not_before: Timestamp,
}

/// What was taken out of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Withdrawn {
    /// A tag; its image may have stayed.
    Tag(ImageTag),
    /// An image.
    Image(Digest),
}

/// An image or tag that is to go at a destination as it went at home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// The id of the repository that it was in.
    pub repository: String,
    /// What went.
    pub what: Withdrawn,
    /// Where it is to go.
    pub destination: Destination,
    /// How often it was tried in vain.
    pub tries: u32,
    /// When it is tried next.
    pub not_before: Timestamp,
}

/// A row that waits for its time.
pub(super) trait Timed {
    /// When it is tried next.
    fn not_before(&self) -> Timestamp;
}

impl Timed for Replica {
    fn not_before(&self) -> Timestamp {
        self.not_before
    }
}

impl Timed for Withdrawal {
    fn not_before(&self) -> Timestamp {
        self.not_before
    }
}

impl Record for Replica {
    const VERSION: u16 = 2;

    /// Version 1 knew only regions of our own account, and tried once.
    fn upgrade(version: u16, mut old: Value) -> Result<Value, RecordError> {
        let (1, Some(row)) = (version, old.as_object_mut()) else {
            return Err(RecordError::UnknownVersion { found: version, newest: Self::VERSION });
        };
        let region = row.remove("region").unwrap_or_default();
        row.insert("destination".to_owned(), Destination::of_region(region));
        row.insert("tries".to_owned(), 0.into());
        row.insert("not_before".to_owned(), row.get("requested_at").cloned().unwrap_or_default());
        Ok(old)
    }
}
impl Row for Replica {
    const TABLE: &'static str = "ecr/replica";
    fn key(&self) -> Key {
        key![self.repository, self.digest.as_str(), self.destination.to_string()]
    }
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        let waits = self.state == ReplicaState::Pending;
        waits.then(|| (PENDING, key![self.not_before])).into_iter().collect()
    }
}

impl Record for Withdrawal {}
impl Row for Withdrawal {
    const TABLE: &'static str = "ecr/withdrawal";
    fn key(&self) -> Key {
        let what = match &self.what {
            Withdrawn::Tag(tag) => key!["tag", tag.as_str()],
            Withdrawn::Image(digest) => key!["image", digest.as_str()],
        };
        key![self.repository, self.destination.to_string()].join(&what)
    }
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        vec![(PENDING, key![self.not_before])]
    }
}

impl Replica {
    pub(crate) fn wished(
        repository: &Repository,
        digest: &Digest,
        destination: Destination,
        now: Timestamp,
    ) -> Self {
        Replica {
            repository: repository.id.clone(),
            digest: digest.clone(),
            destination,
            state: ReplicaState::Pending,
            failure: None,
            requested_at: now,
            tries: 0,
            not_before: now,
        }
    }
}

impl Withdrawal {
    pub(crate) fn wished(repository: &Repository, what: Withdrawn, destination: Destination) -> Self {
        let not_before = Timestamp::from_millis(0);
        Withdrawal { repository: repository.id.clone(), what, destination, tries: 0, not_before }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_version_1_are_of_our_own_account() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let old = json!({"repository": "r", "digest": digest, "region": "eu-west-1", "state": "Pending",
            "failure": null, "requested_at": 5});
        let bytes = [&1u16.to_be_bytes()[..], old.to_string().as_bytes()].concat();
        let row = Replica::decode(&bytes).unwrap();
        assert_eq!((row.destination.registry.is_none(), row.not_before.as_millis()), (true, 5));
        assert_eq!(row.key(), key!["r", digest, "eu-west-1"]);
    }
}
