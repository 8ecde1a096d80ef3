//! What the registry of one account in one region is set to do: scan, replicate, count pulls.

use std::collections::BTreeMap;

use model::ecr::{RepositoryName, matches_wildcard};
use model::record::RecordError;
use model::{Record, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Key, Row, key};

use crate::tables::{Destination, Repository};

/// The account setting that says whether blobs may be mounted.
pub const BLOB_MOUNTING: &str = "BLOB_MOUNTING";

/// The settings of one account's registry in one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegistrySettings {
    /// The account and region.
    pub scope: Scope,
    /// The registry policy, as it was given.
    pub policy: Option<String>,
    /// Account settings by name.
    pub account: BTreeMap<String, String>,
    /// Which repositories are scanned when.
    #[serde(default)]
    pub scanning: Vec<ScanRule>,
    /// What is copied where.
    #[serde(default)]
    pub replication: Vec<ReplicationRule>,
    /// Principals whose pulls are not counted, and since when.
    #[serde(default)]
    pub unrecorded: BTreeMap<String, Timestamp>,
}

/// When images are scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScanFrequency {
    /// When they are pushed.
    ScanOnPush,
    /// When somebody asks.
    Manual,
}

/// Which repositories are scanned when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanRule {
    /// When.
    pub frequency: ScanFrequency,
    /// Wildcards over the repositories' names.
    pub filters: Vec<String>,
}

/// What is copied where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationRule {
    /// The registries that get a copy.
    pub destinations: Vec<Destination>,
    /// Prefixes of the repositories' names; without any, all are meant.
    pub prefixes: Vec<String>,
    /// Whether images and tags that are deleted go there too.
    #[serde(default)]
    pub deletes: bool,
}

impl RegistrySettings {
    /// The settings of a registry that nobody has changed.
    pub fn new(scope: &Scope) -> Self {
        RegistrySettings {
            scope: scope.clone(),
            policy: None,
            account: BTreeMap::new(),
            scanning: Vec::new(),
            replication: Vec::new(),
            unrecorded: BTreeMap::new(),
        }
    }

    /// The filters of scanning on push that mean a repository.
    pub fn scan_filters(&self, name: &RepositoryName) -> Vec<&str> {
        let rules = self.scanning.iter().filter(|rule| rule.frequency == ScanFrequency::ScanOnPush);
        let filters = rules.flat_map(|rule| &rule.filters).map(String::as_str);
        filters.filter(|filter| means(filter, name.as_str())).collect()
    }

    /// When the images of a repository are scanned.
    pub fn scan_frequency(&self, repository: &Repository) -> ScanFrequency {
        if repository.scan_on_push || !self.scan_filters(&repository.name).is_empty() {
            ScanFrequency::ScanOnPush
        } else {
            ScanFrequency::Manual
        }
    }

    /// The registries that get a copy of a repository's images, each once.
    pub fn destinations(&self, name: &RepositoryName) -> Vec<Destination> {
        self.meant(name, |_| true)
    }

    /// Those of them where what is deleted goes too.
    pub fn delete_destinations(&self, name: &RepositoryName) -> Vec<Destination> {
        self.meant(name, |rule| rule.deletes)
    }

    fn meant(&self, name: &RepositoryName, which: impl Fn(&ReplicationRule) -> bool) -> Vec<Destination> {
        let is_meant = |rule: &&ReplicationRule| {
            which(rule)
                && (rule.prefixes.is_empty()
                    || rule.prefixes.iter().any(|prefix| name.as_str().starts_with(prefix)))
        };
        let rules = self.replication.iter().filter(is_meant);
        let mut found: Vec<Destination> = rules.flat_map(|rule| rule.destinations.clone()).collect();
        found.sort();
        found.dedup();
        found.retain(|to| to.registry.is_some() || to.region != self.scope.region);
        found
    }
}

/// A filter without wildcard means every name that contains it, as ECR has it.
fn means(filter: &str, name: &str) -> bool {
    if filter.contains('*') { matches_wildcard(filter, name) } else { name.contains(filter) }
}

impl Record for RegistrySettings {
    const VERSION: u16 = 2;

    /// The destinations of version 1 were regions of our own account.
    fn upgrade(version: u16, mut old: Value) -> Result<Value, RecordError> {
        if version != 1 {
            return Err(RecordError::UnknownVersion { found: version, newest: Self::VERSION });
        }
        for rule in old["replication"].as_array_mut().into_iter().flatten() {
            for destination in rule["destinations"].as_array_mut().into_iter().flatten() {
                *destination = Destination::of_region(destination.take());
            }
        }
        Ok(old)
    }
}
impl Row for RegistrySettings {
    const TABLE: &'static str = "ecr/registry";
    fn key(&self) -> Key {
        key![self.scope]
    }
}

#[cfg(test)]
mod tests {
    use model::{AccountId, Region};

    use super::*;

    fn settings() -> RegistrySettings {
        let scope = Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap());
        RegistrySettings::new(&scope)
    }

    #[test]
    fn filters_mean_what_contains_or_matches() {
        for (filter, name, expected) in [
            ("prod", "team/prod-web", true),
            ("prod*", "team/prod-web", false),
            ("*", "web", true),
            ("team/*", "team/web", true),
        ] {
            assert_eq!(means(filter, name), expected, "{filter} {name}");
        }
        let mut settings = settings();
        let rule = |frequency| ScanRule { frequency, filters: vec!["web".into()] };
        settings.scanning = vec![rule(ScanFrequency::Manual)];
        assert!(settings.scan_filters(&"web".parse().unwrap()).is_empty());
        settings.scanning = vec![rule(ScanFrequency::ScanOnPush)];
        assert_eq!(settings.scan_filters(&"web".parse().unwrap()), ["web"]);
    }

    #[test]
    fn rules_of_version_1_are_of_our_own_account() {
        let mut old = serde_json::to_value(settings()).unwrap();
        old["replication"] = serde_json::json!([{"destinations": ["eu-west-1"], "prefixes": []}]);
        let bytes = [&1u16.to_be_bytes()[..], old.to_string().as_bytes()].concat();
        let read = RegistrySettings::decode(&bytes).unwrap();
        let expected = Destination { registry: None, region: Region::new("eu-west-1").unwrap() };
        assert_eq!(read.replication[0].destinations, [expected]);
    }

    #[test]
    fn a_registry_never_copies_to_itself() {
        let mut settings = settings();
        let near = |region| Destination { registry: None, region: Region::new(region).unwrap() };
        let there = near("eu-west-1");
        let destinations = vec![near("us-east-2"), there.clone(), there.clone()];
        let prefixes = vec!["team/".into()];
        settings.replication = vec![ReplicationRule { destinations, prefixes, deletes: false }];
        assert_eq!(settings.destinations(&"team/web".parse().unwrap()), [there]);
        assert!(settings.destinations(&"web".parse().unwrap()).is_empty());
        assert!(settings.delete_destinations(&"team/web".parse().unwrap()).is_empty());
    }
}
