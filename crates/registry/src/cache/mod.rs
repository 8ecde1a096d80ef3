//! Pull-through cache: repositories that are filled from another registry as they are pulled.
//!
//! A rule maps a prefix of our names to a registry. A manifest that is asked for below it is
//! brought here first, with its blobs, when it is not here, or when it was asked for by tag and
//! the tag was last compared a day ago; then it is served like any other. An index comes without
//! the images that it lists: each comes when it is asked for. What the other registry cannot
//! give is served as it was last seen.

mod rules;
mod upstream;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use model::ecr::{Digest, ImageTag, RepositoryName};
use model::{Record, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row, Txn, key};

pub use rules::{CacheRule, NotUpstream, UpstreamKind};
pub(crate) use upstream::Upstreams;

use crate::Registry;
use crate::error::Error;
use crate::hashing::digest_of;
use crate::images::Reference;
use crate::manifest::Manifest;
use crate::push::Push;
use crate::store_failure;
use crate::tables::Repository;
use crate::templates::Occasion;

/// How long a tag is served without being compared, as ECR has it.
const TAG_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// How many blobs are brought at once.
const BLOBS_AT_ONCE: usize = 3;

/// When a tag of a cached repository was last compared with the other registry's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// The repository's id.
    pub repository: String,
    /// The tag.
    pub tag: ImageTag,
    /// When.
    pub at: Timestamp,
}

impl Record for Compared {}
impl Row for Compared {
    const TABLE: &'static str = "ecr/compared";
    fn key(&self) -> Key {
        key![self.repository, self.tag.as_str()]
    }
}

impl Registry {
    /// Whether what is asked for is to be brought from another registry first.
    pub(crate) fn is_to_be_brought(
        &self,
        scope: &Scope,
        name: &RepositoryName,
        reference: &Reference,
        now: Timestamp,
    ) -> bool {
        self.rule_for(scope, name).is_some() && self.is_due(scope, name, reference, now)
    }

    /// Brings what is asked for from another registry, when a rule says so.
    ///
    /// Whatever goes wrong out there is no error here: the image is served as it was last seen,
    /// or is unknown.
    pub(crate) async fn bring(
        &self,
        scope: &Scope,
        name: &RepositoryName,
        reference: &Reference,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some((rule, theirs)) = self.rule_for(scope, name) else { return Ok(()) };
        match self.import(scope, name, &rule, &theirs, reference, now).await {
            Ok(()) => Ok(()),
            Err(error @ (Error::Store { .. } | Error::Content { .. })) => Err(error),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    repository = %name, upstream = rule.url, "an image could not be brought from its registry"
                );
                Ok(())
            }
        }
    }

    fn is_due(&self, scope: &Scope, name: &RepositoryName, reference: &Reference, now: Timestamp) -> bool {
        let Ok(repository) = self.repository(scope, name) else { return true };
        if self.image(&repository, reference).is_err() {
            return true;
        }
        match reference {
            Reference::Digest(_) => false,
            Reference::Tag(tag) => {
                let compared = self.store.get::<Compared>(&key![repository.id, tag.as_str()]);
                compared.is_none_or(|row| now.since(row.at) >= TAG_LIFETIME)
            }
        }
    }

    async fn import(
        &self,
        scope: &Scope,
        name: &RepositoryName,
        rule: &CacheRule,
        theirs: &str,
        reference: &Reference,
        now: Timestamp,
    ) -> Result<(), Error> {
        let upstream = self.upstreams.at(&rule.url, theirs);
        let wanted = match reference {
            Reference::Tag(tag) => tag.as_str(),
            Reference::Digest(digest) => digest.as_str(),
        };
        let (media_type, bytes) = upstream.manifest(wanted).await?;
        let manifest = Manifest::parse(&bytes, Some(&media_type))?;
        let digest = match reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(_) => digest_of(model::ecr::Algorithm::Sha256, &bytes),
        };
        let repository = self.find_or_make(scope, name, Occasion::PullThroughCache, now).await?;
        for some in manifest.blobs.chunks(BLOBS_AT_ONCE) {
            let brought = some.iter().map(|blob| self.import_blob(&repository, &upstream, blob, now));
            try_join_all(brought).await?;
        }
        let tags = match reference {
            Reference::Tag(tag) => vec![tag.clone()],
            Reference::Digest(_) => Vec::new(),
        };
        self.keep_image(scope, name, (media_type, bytes, digest, tags.clone()), now).await?;
        for tag in tags {
            let row = Compared { repository: repository.id.clone(), tag, at: now };
            let noted = self.store.commit(Txn::new().put(&row)).await;
            noted.map_err(store_failure("noting that a tag was compared"))?;
        }
        Ok(())
    }

    async fn keep_image(
        &self,
        scope: &Scope,
        name: &RepositoryName,
        (media_type, manifest, digest, tags): (String, Bytes, Digest, Vec<ImageTag>),
        now: Timestamp,
    ) -> Result<(), Error> {
        let push = Push {
            manifest,
            media_type: Some(media_type),
            tags,
            digest: Some(digest),
            is_copy: true,
            is_sparse: true,
        };
        self.push(scope, name, push, now).await.map(|_| ())
    }

    /// Puts a blob into the repository: from another repository of ours, or from out there.
    async fn import_blob(
        &self,
        repository: &Repository,
        upstream: &upstream::Upstream<'_>,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<(), Error> {
        if self.link_for_push(repository, digest, now).await.is_ok() {
            return Ok(());
        }
        if self.holder(&repository.scope, digest, |_| true).is_some()
            && self.link_blob(repository, digest, None, now).await.is_ok()
        {
            return Ok(());
        }
        let bytes = upstream.blob(digest).await?;
        self.upload_whole(repository, bytes, digest, now).await.map(|_| ())
    }

    /// Why a rule's registry cannot be reached; nothing when it can.
    pub async fn unreachable(&self, rule: &CacheRule) -> Option<String> {
        self.upstreams.at(&rule.url, "").greet().await.err().map(|error| error.to_string())
    }
}
