//! Repository creation templates: what a repository looks like that nobody created by hand.

use std::collections::{BTreeMap, BTreeSet};

use model::ecr::{RepositoryName, TagMutability};
use model::{Record, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row, Txn, Versioned, key};

use crate::error::Error;
use crate::repositories::NewRepository;
use crate::tables::{Encryption, Lifecycle, Repository};
use crate::{MAX_ATTEMPTS, Registry, store_failure};

/// The prefix that means every repository which no other prefix means.
pub const ROOT: &str = "ROOT";

/// Why a repository comes to be without CreateRepository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Occasion {
    /// An image is copied to it from another region.
    Replication,
    /// An image is pulled through it.
    PullThroughCache,
    /// An image is pushed to it.
    CreateOnPush,
}

impl Occasion {
    /// Every occasion.
    pub const ALL: [Occasion; 3] =
        [Occasion::Replication, Occasion::PullThroughCache, Occasion::CreateOnPush];

    /// The occasion as ECR writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Occasion::Replication => "REPLICATION",
            Occasion::PullThroughCache => "PULL_THROUGH_CACHE",
            Occasion::CreateOnPush => "CREATE_ON_PUSH",
        }
    }

    /// The occasion of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|occasion| occasion.as_str() == name)
    }
}

/// A template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// The account and region.
    pub scope: Scope,
    /// The prefix of the names that it is for, or [`ROOT`].
    pub prefix: String,
    /// What people write about it.
    pub description: Option<String>,
    /// How contents are encrypted.
    pub encryption: Encryption,
    /// The repository's tags.
    pub tags: BTreeMap<String, String>,
    /// Whether tags may be moved.
    pub mutability: TagMutability,
    /// The repository's policy.
    pub policy: Option<String>,
    /// The repository's lifecycle policy.
    pub lifecycle: Option<String>,
    /// When it is used.
    pub occasions: BTreeSet<Occasion>,
    /// The role that ECR would take; recorded.
    pub role: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Record for Template {}
impl Row for Template {
    const TABLE: &'static str = "ecr/template";
    fn key(&self) -> Key {
        key![self.scope, self.prefix]
    }
}

impl Template {
    /// How many characters of `name` the template means; the longest wins.
    fn meaning(&self, name: &RepositoryName) -> Option<usize> {
        if self.prefix == ROOT {
            return Some(0);
        }
        let prefix = self.prefix.trim_end_matches('/');
        let rest = name.as_str().strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(prefix.len())
    }
}

impl Registry {
    /// At most `limit` templates by prefix, those behind `after`.
    pub fn templates(&self, scope: &Scope, after: Option<&str>, limit: usize) -> Vec<Versioned<Template>> {
        let after = after.map(|prefix| key![scope, prefix]);
        self.store.snapshot().page(&key![scope], after.as_ref(), limit)
    }

    /// The template of a prefix.
    pub fn template(&self, scope: &Scope, prefix: &str) -> Result<Versioned<Template>, Error> {
        let found = self.store.get::<Template>(&key![scope, prefix]);
        found.ok_or_else(|| Error::TemplateUnknown(prefix.to_owned()))
    }

    /// Creates a template.
    pub async fn create_template(&self, template: &Template) -> Result<(), Error> {
        match self.store.commit(Txn::new().insert(template)).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_conflict() => Err(Error::TemplateExists(template.prefix.clone())),
            Err(error) => Err(store_failure("creating a template")(error)),
        }
    }

    /// Changes a template; `change` may be called again when somebody else wrote first.
    pub async fn change_template<E: From<Error>>(
        &self,
        scope: &Scope,
        prefix: &str,
        mut change: impl FnMut(&mut Template) -> Result<(), E>,
    ) -> Result<Template, E> {
        for _ in 0..MAX_ATTEMPTS {
            let read = self.template(scope, prefix)?;
            let mut changed = Template::clone(&read);
            change(&mut changed)?;
            match self.store.commit(Txn::new().update(&read, &changed)).await {
                Ok(_) => return Ok(changed),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("changing a template")(error).into()),
            }
        }
        Err(Error::Contended.into())
    }

    /// Deletes a template.
    pub async fn delete_template(&self, scope: &Scope, prefix: &str) -> Result<Template, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let read = self.template(scope, prefix)?;
            match self.store.commit(Txn::new().remove(&read)).await {
                Ok(_) => return Ok(Template::clone(&read)),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("deleting a template")(error)),
            }
        }
        Err(Error::Contended)
    }

    /// The template that a new repository of that name is made from.
    pub(crate) fn template_for(
        &self,
        scope: &Scope,
        name: &RepositoryName,
        occasion: Occasion,
    ) -> Option<Versioned<Template>> {
        let templates = self.store.snapshot().all::<Template>(&key![scope]).collect::<Vec<_>>();
        let usable = templates.into_iter().filter(|template| template.occasions.contains(&occasion));
        usable
            .filter_map(|t| t.meaning(name).map(|length| (length, t)))
            .max_by_key(|(l, _)| *l)
            .map(|(_, t)| t)
    }

    /// Finds a repository, or makes it: by the template that means it, or plain where the
    /// occasion needs none.
    pub(crate) async fn find_or_make(
        &self,
        scope: &Scope,
        name: &RepositoryName,
        occasion: Occasion,
        now: Timestamp,
    ) -> Result<Repository, Error> {
        match self.repository(scope, name) {
            Ok(found) => return Ok(Repository::clone(&found)),
            Err(Error::RepositoryUnknown { .. }) => {}
            Err(error) => return Err(error),
        }
        let template = self.template_for(scope, name, occasion);
        if template.is_none() && occasion == Occasion::CreateOnPush {
            return Err(crate::repositories::unknown(scope, name));
        }
        let template = template.as_deref();
        let new = NewRepository {
            name: name.clone(),
            mutability: template.map(|t| t.mutability.clone()).unwrap_or_default(),
            scan_on_push: false,
            encryption: template.map_or_else(Encryption::default, |t| t.encryption.clone()),
            tags: template.map(|t| t.tags.clone()).unwrap_or_default(),
            policy: template.and_then(|t| t.policy.clone()),
            lifecycle: template
                .and_then(|t| t.lifecycle.clone())
                .map(|text| Lifecycle { text, evaluated_at: None }),
        };
        match self.create_repository(scope, new, now).await {
            // Somebody else was faster.
            Err(Error::RepositoryExists { .. }) => {
                self.repository(scope, name).map(|row| Repository::clone(&row))
            }
            other => other,
        }
    }
}
