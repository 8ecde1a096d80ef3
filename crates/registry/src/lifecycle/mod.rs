//! Lifecycle policies: which images of a repository are no longer wanted.
//!
//! `policy.rs` reads a policy, `evaluate.rs` decides, both pure; here the decision is acted
//! on, by the reaper, or shown as a preview.

mod evaluate;
mod policy;

use model::Timestamp;
use model::ecr::Digest;
use store::key;

pub use evaluate::{Candidate, Expired, evaluate};
pub use policy::{Policy, PolicyError};

use crate::Registry;
use crate::error::Error;
use crate::tables::{Lifecycle, Repository};

/// How many images are looked at at a time.
const IMAGES_AT_A_TIME: usize = 500;

impl Registry {
    /// What `policy` would expire of a repository at `now`.
    pub fn expirable(&self, repository: &Repository, policy: &Policy, now: Timestamp) -> Vec<Expired> {
        evaluate(policy, &self.candidates(repository), now)
    }

    fn candidates(&self, repository: &Repository) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        let mut after: Option<Digest> = None;
        loop {
            let page = self.images(repository, after.as_ref(), IMAGES_AT_A_TIME);
            let Some(last) = page.last() else { return candidates };
            after = Some(last.digest.clone());
            candidates.extend(page.iter().map(|image| Candidate {
                digest: image.digest.clone(),
                tags: self.tags_of(repository, &image.digest),
                pushed_at: image.pushed_at,
                pulled_at: image.pulled_at,
                is_listed: !self.parents_of(repository, &image.digest).is_empty(),
            }));
        }
    }

    /// Deletes what the repositories' own policies expire. Answers how many images went.
    pub(crate) async fn expire_images(&self, now: Timestamp) -> Result<usize, Error> {
        let snapshot = self.store.snapshot();
        let governed = snapshot.all::<Repository>(&key![]).filter(|row| row.lifecycle.is_some());
        let governed: Vec<_> = governed.collect();
        let mut gone = 0;
        for repository in governed {
            let Some(lifecycle) = &repository.lifecycle else { continue };
            let policy = match Policy::parse(&lifecycle.text) {
                Ok(policy) => policy,
                Err(error) => {
                    tracing::warn!(%error, repository = %repository.arn(), "a stored lifecycle policy is not understood");
                    continue;
                }
            };
            for expired in self.expirable(&repository, &policy, now) {
                match self.delete_image(&repository, &expired.digest).await {
                    Ok(_) => gone += 1,
                    // Somebody else deleted it, or the whole repository.
                    Err(Error::ManifestUnknown { .. } | Error::RepositoryUnknown { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            self.note_evaluation(&repository, now).await?;
        }
        Ok(gone)
    }

    async fn note_evaluation(&self, repository: &Repository, now: Timestamp) -> Result<(), Error> {
        let noted = self
            .change_repository::<(), Error>(&repository.scope, &repository.name, |row| {
                if let Some(Lifecycle { evaluated_at, .. }) = &mut row.lifecycle {
                    *evaluated_at = Some(now);
                }
                Ok(())
            })
            .await;
        match noted {
            Ok(_) | Err(Error::RepositoryUnknown { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
