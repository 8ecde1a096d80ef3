//! The rules of the pull-through cache: which prefix stands for which registry.

use model::ecr::RepositoryName;
use model::{Record, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row, Txn, Versioned, key};
use thiserror::Error;

use crate::error::Error;
use crate::templates::ROOT;
use crate::{MAX_ATTEMPTS, Registry, store_failure};

/// The most rules of a registry, as ECR has it.
const MAX_RULES: usize = 50;

/// A kind of registry that ECR knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamKind {
    /// Another ECR.
    Ecr,
    /// Amazon ECR Public.
    EcrPublic,
    /// Quay.
    Quay,
    /// registry.k8s.io.
    K8s,
    /// Docker Hub.
    DockerHub,
    /// GitHub's.
    GithubContainerRegistry,
    /// Azure's.
    AzureContainerRegistry,
    /// GitLab's.
    GitlabContainerRegistry,
    /// Chainguard's.
    Chainguard,
}

/// A host is none of the registries that ECR knows.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("The specified upstream registry '{0}' is not supported")]
pub struct NotUpstream(pub String);

impl UpstreamKind {
    /// The kind of the registry at a host.
    pub fn of(host: &str) -> Result<Self, NotUpstream> {
        match host {
            "public.ecr.aws" => Ok(UpstreamKind::EcrPublic),
            "quay.io" => Ok(UpstreamKind::Quay),
            "registry.k8s.io" => Ok(UpstreamKind::K8s),
            "registry-1.docker.io" => Ok(UpstreamKind::DockerHub),
            "ghcr.io" => Ok(UpstreamKind::GithubContainerRegistry),
            "registry.gitlab.com" => Ok(UpstreamKind::GitlabContainerRegistry),
            "cgr.dev" => Ok(UpstreamKind::Chainguard),
            host if host.ends_with(".azurecr.io") => Ok(UpstreamKind::AzureContainerRegistry),
            host if host.contains(".dkr.ecr.") && host.ends_with(".amazonaws.com") => Ok(UpstreamKind::Ecr),
            other => Err(NotUpstream(other.to_owned())),
        }
    }

    /// The kind as ECR writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            UpstreamKind::Ecr => "ecr",
            UpstreamKind::EcrPublic => "ecr-public",
            UpstreamKind::Quay => "quay",
            UpstreamKind::K8s => "k8s",
            UpstreamKind::DockerHub => "docker-hub",
            UpstreamKind::GithubContainerRegistry => "github-container-registry",
            UpstreamKind::AzureContainerRegistry => "azure-container-registry",
            UpstreamKind::GitlabContainerRegistry => "gitlab-container-registry",
            UpstreamKind::Chainguard => "chainguard",
        }
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheRule {
    /// The account and region.
    pub scope: Scope,
    /// The prefix of our names, or [`ROOT`].
    pub prefix: String,
    /// The other registry's host.
    pub url: String,
    /// What kind it is.
    pub kind: UpstreamKind,
    /// The prefix of the other registry's names, or [`ROOT`].
    pub upstream_prefix: String,
    /// When the rule was made.
    pub created_at: Timestamp,
    /// When it was last changed, if it was.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
}

impl Record for CacheRule {}
impl Row for CacheRule {
    const TABLE: &'static str = "ecr/cache-rule";
    fn key(&self) -> Key {
        key![self.scope, self.prefix]
    }
}

impl CacheRule {
    /// What the other registry calls our repository, when the rule is about it.
    fn theirs(&self, name: &RepositoryName) -> Option<String> {
        let rest = match self.prefix.trim_end_matches('/') {
            ROOT => name.as_str(),
            prefix => name.as_str().strip_prefix(prefix)?.strip_prefix('/')?,
        };
        Some(match self.upstream_prefix.trim_end_matches('/') {
            ROOT => rest.to_owned(),
            prefix => format!("{prefix}/{rest}"),
        })
    }
}

impl Registry {
    /// At most `limit` rules by prefix, those behind `after`.
    pub fn cache_rules(&self, scope: &Scope, after: Option<&str>, limit: usize) -> Vec<Versioned<CacheRule>> {
        let after = after.map(|prefix| key![scope, prefix]);
        self.store.snapshot().page(&key![scope], after.as_ref(), limit)
    }

    /// The rule of a prefix.
    pub fn cache_rule(&self, scope: &Scope, prefix: &str) -> Result<Versioned<CacheRule>, Error> {
        let found = self.store.get::<CacheRule>(&key![scope, prefix]);
        found.ok_or_else(|| Error::CacheRuleUnknown(prefix.to_owned()))
    }

    /// Creates a rule.
    pub async fn create_cache_rule(&self, rule: &CacheRule) -> Result<(), Error> {
        if self.cache_rules(&rule.scope, None, MAX_RULES).len() == MAX_RULES {
            return Err(Error::TooManyCacheRules(MAX_RULES));
        }
        match self.store.commit(Txn::new().insert(rule)).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_conflict() => Err(Error::CacheRuleExists(rule.prefix.clone())),
            Err(error) => Err(store_failure("creating a cache rule")(error)),
        }
    }

    /// Notes that a rule was changed now; answers the rule.
    pub async fn touch_cache_rule(
        &self,
        scope: &Scope,
        prefix: &str,
        now: Timestamp,
    ) -> Result<CacheRule, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let read = self.cache_rule(scope, prefix)?;
            let rule = CacheRule { updated_at: Some(now), ..CacheRule::clone(&read) };
            match self.store.commit(Txn::new().update(&read, &rule)).await {
                Ok(_) => return Ok(rule),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("changing a cache rule")(error)),
            }
        }
        Err(Error::Contended)
    }

    /// Deletes a rule; what it has brought stays.
    pub async fn delete_cache_rule(&self, scope: &Scope, prefix: &str) -> Result<CacheRule, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let read = self.cache_rule(scope, prefix)?;
            match self.store.commit(Txn::new().remove(&read)).await {
                Ok(_) => return Ok(CacheRule::clone(&read)),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("deleting a cache rule")(error)),
            }
        }
        Err(Error::Contended)
    }

    /// The rule about a repository, that with the longest prefix, and what the other registry
    /// calls the repository.
    pub(super) fn rule_for(&self, scope: &Scope, name: &RepositoryName) -> Option<(CacheRule, String)> {
        let snapshot = self.store.snapshot();
        let rules = snapshot.all::<CacheRule>(&key![scope]).take(MAX_RULES);
        let about =
            rules.filter_map(|rule| rule.theirs(name).map(|theirs| (CacheRule::clone(&rule), theirs)));
        about.max_by_key(|(rule, _)| if rule.prefix == ROOT { 0 } else { rule.prefix.len() })
    }
}

#[cfg(test)]
mod tests {
    use model::{AccountId, Region};

    use super::*;

    fn check(prefix: &str, upstream_prefix: &str, name: &str, expected: Option<&str>) {
        let rule = CacheRule {
            scope: Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap()),
            prefix: prefix.into(),
            url: "quay.io".into(),
            kind: UpstreamKind::Quay,
            upstream_prefix: upstream_prefix.into(),
            created_at: Timestamp::EPOCH,
            updated_at: None,
        };
        assert_eq!(rule.theirs(&name.parse().unwrap()).as_deref(), expected, "{prefix} {name}");
    }

    #[test]
    fn prefixes_are_exchanged() {
        check("quay", ROOT, "quay/coreos/etcd", Some("coreos/etcd"));
        check("quay/", ROOT, "quay/etcd", Some("etcd"));
        check("quay", "coreos", "quay/etcd", Some("coreos/etcd"));
        check(ROOT, ROOT, "coreos/etcd", Some("coreos/etcd"));
        check("quay", ROOT, "quayside/etcd", None);
        check("quay", ROOT, "quay", None);
    }

    #[test]
    fn known_registries_have_a_kind() {
        assert_eq!(UpstreamKind::of("registry-1.docker.io"), Ok(UpstreamKind::DockerHub));
        assert_eq!(UpstreamKind::of("team.azurecr.io"), Ok(UpstreamKind::AzureContainerRegistry));
        assert_eq!(UpstreamKind::of("example.com"), Err(NotUpstream("example.com".into())));
    }
}
