//! Repositories: create, find, change, delete.

use std::collections::BTreeMap;

use model::ecr::{RepositoryName, TagMutability};
use model::{Scope, Timestamp};
use store::{Snapshot, Txn, Versioned, key};

use crate::error::Error;
use crate::tables::{Contents, Encryption, Grave, Image, Lifecycle, RegistrySettings, Repository};
use crate::{MAX_ATTEMPTS, Registry, store_failure};

/// What a repository is created with.
#[derive(Clone, Debug)]
pub struct NewRepository {
    /// The name.
    pub name: RepositoryName,
    /// Whether tags may be moved.
    pub mutability: TagMutability,
    /// Whether a push is scanned.
    pub scan_on_push: bool,
    /// How its contents are encrypted.
    pub encryption: Encryption,
    /// The resource's tags.
    pub tags: BTreeMap<String, String>,
    /// The repository policy.
    pub policy: Option<String>,
    /// The lifecycle policy.
    pub lifecycle: Option<Lifecycle>,
}

impl NewRepository {
    /// A repository as it is when nobody says anything of it.
    pub fn plain(name: RepositoryName) -> Self {
        NewRepository {
            name,
            mutability: TagMutability::default(),
            scan_on_push: false,
            encryption: Encryption::default(),
            tags: BTreeMap::new(),
            policy: None,
            lifecycle: None,
        }
    }
}

impl Registry {
    /// Creates a repository.
    pub async fn create_repository(
        &self,
        scope: &Scope,
        new: NewRepository,
        now: Timestamp,
    ) -> Result<Repository, Error> {
        let repository = Repository {
            id: self.uuid(),
            scope: scope.clone(),
            name: new.name,
            created_at: now,
            mutability: new.mutability,
            scan_on_push: new.scan_on_push,
            encryption: new.encryption,
            tags: new.tags,
            policy: new.policy,
            lifecycle: new.lifecycle,
            preview: None,
        };
        let contents = Contents { repository: repository.id.clone(), generation: 0 };
        match self.store.commit(Txn::new().insert(&repository).insert(&contents)).await {
            Ok(_) => Ok(repository),
            Err(error) if error.is_conflict() => {
                Err(Error::RepositoryExists { name: repository.name, registry: scope.account.clone() })
            }
            Err(error) => Err(store_failure("creating a repository")(error)),
        }
    }

    /// Finds a repository.
    pub fn repository(&self, scope: &Scope, name: &RepositoryName) -> Result<Versioned<Repository>, Error> {
        find(&self.store.snapshot(), scope, name)
    }

    /// At most `limit` repositories by name, those behind `after`.
    pub fn repositories(
        &self,
        scope: &Scope,
        after: Option<&RepositoryName>,
        limit: usize,
    ) -> Vec<Versioned<Repository>> {
        let after = after.map(|name| Repository::key_of(scope, name));
        self.store.snapshot().page(&key![scope], after.as_ref(), limit)
    }

    /// Changes a repository's settings; `change` may be called again when somebody else wrote first.
    pub async fn change_repository<T, E: From<Error>>(
        &self,
        scope: &Scope,
        name: &RepositoryName,
        mut change: impl FnMut(&mut Repository) -> Result<T, E>,
    ) -> Result<(Repository, T), E> {
        for _ in 0..MAX_ATTEMPTS {
            let read = self.repository(scope, name)?;
            let mut changed = Repository::clone(&read);
            let outcome = change(&mut changed)?;
            match self.store.commit(Txn::new().update(&read, &changed)).await {
                Ok(_) => return Ok((changed, outcome)),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("changing a repository")(error).into()),
            }
        }
        Err(Error::Contended.into())
    }

    /// Deletes a repository; one that has images only by force.
    pub async fn delete_repository(
        &self,
        scope: &Scope,
        name: &RepositoryName,
        force: bool,
        now: Timestamp,
    ) -> Result<Repository, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = self.store.snapshot();
            let read = find(&snapshot, scope, name)?;
            let contents = fence(&snapshot, &read)?;
            if !force && !snapshot.page::<Image>(&key![read.id], None, 1).is_empty() {
                let registry = scope.account.clone();
                return Err(Error::RepositoryNotEmpty { name: name.clone(), registry });
            }
            let grave = Grave { repository: read.id.clone(), deleted_at: now };
            match self.store.commit(Txn::new().remove(&read).remove(&contents).put(&grave)).await {
                Ok(_) => return Ok(Repository::clone(&read)),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("deleting a repository")(error)),
            }
        }
        Err(Error::Contended)
    }

    /// The settings of the scope's registry.
    pub fn settings(&self, scope: &Scope) -> RegistrySettings {
        let row = self.store.get::<RegistrySettings>(&key![scope]);
        row.map_or_else(|| RegistrySettings::new(scope), |row| RegistrySettings::clone(&row))
    }

    /// Changes the settings of the scope's registry.
    pub async fn change_settings<T, E: From<Error>>(
        &self,
        scope: &Scope,
        mut change: impl FnMut(&mut RegistrySettings) -> Result<T, E>,
    ) -> Result<T, E> {
        for _ in 0..MAX_ATTEMPTS {
            let read = self.store.get::<RegistrySettings>(&key![scope]);
            let mut changed = match &read {
                Some(read) => RegistrySettings::clone(read),
                None => RegistrySettings::new(scope),
            };
            let outcome = change(&mut changed)?;
            let txn = match &read {
                Some(read) => Txn::new().update(read, &changed),
                None => Txn::new().insert(&changed),
            };
            match self.store.commit(txn).await {
                Ok(_) => return Ok(outcome),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("changing the registry's settings")(error).into()),
            }
        }
        Err(Error::Contended.into())
    }
}

/// Finds a repository in a snapshot.
pub(crate) fn find(
    snapshot: &Snapshot,
    scope: &Scope,
    name: &RepositoryName,
) -> Result<Versioned<Repository>, Error> {
    snapshot.get(&Repository::key_of(scope, name)).ok_or_else(|| unknown(scope, name))
}

/// The fence of a repository that is in the same snapshot.
pub(crate) fn fence(snapshot: &Snapshot, repository: &Repository) -> Result<Versioned<Contents>, Error> {
    let fence = snapshot.get(&key![repository.id]);
    fence.ok_or_else(|| unknown(&repository.scope, &repository.name))
}

/// The fence raised by one: what every change of images writes.
pub(crate) fn raised(contents: &Contents) -> Contents {
    Contents { repository: contents.repository.clone(), generation: contents.generation + 1 }
}

/// The error that says the repository is not there.
pub(crate) fn unknown(scope: &Scope, name: &RepositoryName) -> Error {
    Error::RepositoryUnknown { name: name.to_string(), registry: scope.account.clone() }
}
