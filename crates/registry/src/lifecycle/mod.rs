//! Lifecycle policies: which images of a repository are no longer wanted, or not at hand.
//!
//! `policy.rs` reads a policy, `evaluate.rs` decides, both pure; here the decision is acted
//! on, by the reaper, or shown as a preview.

mod evaluate;
mod policy;

use model::Timestamp;
use model::ecr::Digest;
use store::key;

pub use evaluate::{Affected, Candidate, evaluate};
pub use policy::{Action, Policy, PolicyError};

use crate::Registry;
use crate::error::Error;
use crate::tables::{Lifecycle, Repository, StorageClass};

/// How many images are looked at at a time.
const IMAGES_AT_A_TIME: usize = 500;

impl Registry {
    /// What `policy` would expire or archive of a repository at `now`.
    pub fn affected(&self, repository: &Repository, policy: &Policy, now: Timestamp) -> Vec<Affected> {
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
                storage: image.storage,
                archived_at: image.archived_at,
                activated_at: image.activated_at,
                is_listed: !self.parents_of(repository, &image.digest).is_empty(),
            }));
        }
    }

    /// Deletes and archives what the repositories' own policies say. Answers how many images that were.
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
            for affected in self.affected(&repository, &policy, now) {
                let digest = &affected.digest;
                let done = match affected.action {
                    Action::Expire => self.delete_image(&repository, digest).await.map(|_| ()),
                    Action::Archive => {
                        let archived = self.store_as(&repository, digest, StorageClass::Archive, now).await;
                        archived.map(|_| ())
                    }
                };
                match done {
                    Ok(()) => gone += 1,
                    // Somebody else deleted it, or the whole repository, or an index lists it by now.
                    Err(
                        Error::ManifestUnknown { .. }
                        | Error::RepositoryUnknown { .. }
                        | Error::ListedByIndex(_),
                    ) => {}
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
