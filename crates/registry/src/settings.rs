//! What the registry of one account in one region is set to do: scan, replicate, count pulls.

use std::collections::BTreeMap;

use model::ecr::{RepositoryName, matches_wildcard};
use model::{Record, Region, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row, key};

use crate::tables::Repository;

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
    /// The regions that get a copy.
    pub destinations: Vec<Region>,
    /// Prefixes of the repositories' names; without any, all are meant.
    pub prefixes: Vec<String>,
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

    /// The regions that get a copy of a repository's images, each once.
    pub fn destinations(&self, name: &RepositoryName) -> Vec<Region> {
        let is_meant = |rule: &&ReplicationRule| {
            rule.prefixes.is_empty() || rule.prefixes.iter().any(|prefix| name.as_str().starts_with(prefix))
        };
        let mut regions: Vec<Region> =
            self.replication.iter().filter(is_meant).flat_map(|rule| rule.destinations.clone()).collect();
        regions.sort();
        regions.dedup();
        regions.retain(|region| *region != self.scope.region);
        regions
    }
}

/// A filter without wildcard means every name that contains it, as ECR has it.
fn means(filter: &str, name: &str) -> bool {
    if filter.contains('*') { matches_wildcard(filter, name) } else { name.contains(filter) }
}

impl Record for RegistrySettings {}
impl Row for RegistrySettings {
    const TABLE: &'static str = "ecr/registry";
    fn key(&self) -> Key {
        key![self.scope]
    }
}

#[cfg(test)]
mod tests {
    use model::AccountId;

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
    fn a_registry_never_copies_to_itself() {
        let mut settings = settings();
        let regions = ["us-east-2", "eu-west-1", "eu-west-1"].map(|region| Region::new(region).unwrap());
        settings.replication =
            vec![ReplicationRule { destinations: regions.to_vec(), prefixes: vec!["team/".into()] }];
        assert_eq!(settings.destinations(&"team/web".parse().unwrap()), [Region::new("eu-west-1").unwrap()]);
        assert!(settings.destinations(&"web".parse().unwrap()).is_empty());
    }
}
