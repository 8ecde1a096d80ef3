//! The operator's vulnerability database: a folder of OSV documents (ossf.github.io/osv-schema),
//! as osv.dev exports them, one vulnerability a file, in any folders below.
//!
//! It is read through once for a scan and never kept: a whole distribution's database would
//! outweigh everything else in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use model::Timestamp;
use serde::Deserialize;

use super::packages::Package;
use super::severity::{Severity, base_score};
use super::version::{Rules, compare};

/// The largest document that is read.
const MAX_DOCUMENT_BYTES: u64 = 8 << 20;
/// How deep folders are followed.
const MAX_DEPTH: usize = 8;

/// A vulnerability of a package that an image has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Match {
    /// Which of the packages.
    pub(crate) package: usize,
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) uri: Option<String>,
    pub(crate) severity: Severity,
    pub(crate) vector: Option<String>,
    pub(crate) fixed: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Document {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    upstream: Vec<String>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    severity: Vec<Score>,
    #[serde(default)]
    affected: Vec<Affected>,
    #[serde(default)]
    references: Vec<Reference>,
    #[serde(default)]
    database_specific: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Score {
    score: String,
}

#[derive(Debug, Deserialize)]
struct Reference {
    r#type: String,
    url: String,
}

#[derive(Debug, Deserialize)]
struct Affected {
    package: Option<Named>,
    #[serde(default)]
    severity: Vec<Score>,
    #[serde(default)]
    ranges: Vec<Range>,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    ecosystem_specific: serde_json::Value,
    #[serde(default)]
    database_specific: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Named {
    ecosystem: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Range {
    r#type: String,
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Event {
    Introduced(String),
    Fixed(String),
    LastAffected(String),
    Limit(String),
}

/// The vulnerabilities of `packages`, and when the database last changed.
pub(crate) fn search(
    folder: &Path,
    packages: &[Package],
) -> std::io::Result<(Vec<Match>, Option<Timestamp>)> {
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, package) in packages.iter().enumerate() {
        for name in package.advisory_names() {
            by_name.entry(name).or_default().push(at);
        }
    }
    let (mut matches, mut newest) = (Vec::new(), None);
    let mut folders: Vec<(PathBuf, usize)> = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, meta) = (entry.path(), fs::metadata(entry.path())?);
            if meta.is_dir() {
                if depth < MAX_DEPTH {
                    folders.push((path, depth + 1));
                }
                continue;
            }
            let is_document = path.extension().is_some_and(|extension| extension == "json");
            if !is_document || meta.len() > MAX_DOCUMENT_BYTES {
                continue;
            }
            let modified = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            newest = newest.max(Some(Timestamp::EPOCH + modified));
            match serde_json::from_slice::<Document>(&fs::read(&path)?) {
                Ok(document) => document.search(packages, &by_name, &mut matches),
                Err(error) => {
                    tracing::warn!(%error, path = %path.display(), "a vulnerability that is no OSV document");
                }
            }
        }
    }
    matches.sort_by(|a, b| {
        b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)).then_with(|| a.package.cmp(&b.package))
    });
    matches.dedup_by(|a, b| a.id == b.id && a.package == b.package);
    Ok((matches, newest))
}

impl Document {
    fn search(&self, packages: &[Package], by_name: &BTreeMap<String, Vec<usize>>, matches: &mut Vec<Match>) {
        if self.withdrawn.is_some() {
            return;
        }
        for affected in &self.affected {
            let Some(named) = &affected.package else { continue };
            let name = super::packages::advisory_name(&named.ecosystem, &named.name);
            for at in by_name.get(&name).into_iter().flatten() {
                let package = &packages[*at];
                if package.ecosystem.is_meant_by(&named.ecosystem)
                    && let Some(hit) = affected.hits(package)
                {
                    matches.push(self.matched(*at, affected, hit));
                }
            }
        }
    }

    fn matched(&self, package: usize, affected: &Affected, hit: Hit) -> Match {
        let scores = || affected.severity.iter().chain(&self.severity);
        let vector = scores().map(|score| &score.score).find(|score| score.starts_with("CVSS:")).cloned();
        let word = [&affected.ecosystem_specific, &affected.database_specific, &self.database_specific];
        let word = word.iter().find_map(|specific| {
            let word = specific.get("severity").or_else(|| specific.get("urgency"))?;
            Severity::named(word.as_str()?)
        });
        let computed = || scores().find_map(|score| base_score(&score.score)).map(Severity::of_score);
        // A CVE is what people look for; the database's own id where there is none.
        let names = self.aliases.iter().chain(&self.upstream).chain([&self.id]);
        let id = names.clone().find(|name| name.starts_with("CVE-")).unwrap_or(&self.id).clone();
        let references = ["ADVISORY", "WEB", "REPORT"];
        let uri =
            references.iter().find_map(|kind| self.references.iter().find(|known| known.r#type == *kind));
        let text = self.summary.as_deref().or(self.details.as_deref()).unwrap_or_default();
        Match {
            package,
            id,
            text: text.chars().take(1000).collect(),
            uri: uri.map(|reference| reference.url.clone()),
            severity: word.or_else(computed).unwrap_or_default(),
            vector,
            fixed: hit.fixed,
        }
    }
}

/// The package's version is affected; fixed where the database says.
struct Hit {
    fixed: Option<String>,
}

impl Affected {
    fn hits(&self, package: &Package) -> Option<Hit> {
        let rules = package.ecosystem.rules();
        let version = package.advisory_version();
        let mut ranges = self.ranges.iter().filter(|range| range.r#type != "GIT");
        if let Some(hit) = ranges.find_map(|range| range.holds(rules, version)) {
            return Some(hit);
        }
        self.versions.iter().any(|listed| listed == version).then_some(Hit { fixed: None })
    }
}

impl Range {
    /// Plays the events in order of their versions, as the OSV schema's evaluation algorithm does.
    fn holds(&self, rules: Rules, version: &str) -> Option<Hit> {
        let is_at_least =
            |bound: &str| bound == "0" || compare(rules, version, bound) != std::cmp::Ordering::Less;
        let mut open: Option<&str> = None;
        for event in &self.events {
            match event {
                Event::Introduced(bound) => open = Some(bound),
                Event::Fixed(bound) | Event::Limit(bound) => {
                    if open.take().is_some_and(is_at_least) && !is_at_least(bound) {
                        return Some(Hit { fixed: Some(bound.clone()) });
                    }
                }
                Event::LastAffected(bound) => {
                    let is_beyond = compare(rules, version, bound) == std::cmp::Ordering::Greater;
                    if open.take().is_some_and(is_at_least) && !is_beyond {
                        return Some(Hit { fixed: None });
                    }
                }
            }
        }
        open.is_some_and(is_at_least).then_some(Hit { fixed: None })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::packages::{Ecosystem, Package};
    use super::*;

    fn package(ecosystem: Ecosystem, name: &str, version: &str) -> Package {
        Package {
            ecosystem,
            name: name.into(),
            version: version.into(),
            source: None,
            architecture: None,
            path: "x".into(),
        }
    }

    fn found(document: serde_json::Value, packages: &[Package]) -> Vec<Match> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("sub/a.json"), document.to_string()).unwrap();
        fs::write(folder.path().join("broken.json"), "{").unwrap();
        search(folder.path(), packages).unwrap().0
    }

    fn document() -> serde_json::Value {
        json!({
            "id": "GHSA-1", "aliases": ["CVE-2024-1"], "summary": "bad",
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected": [{"package": {"ecosystem": "npm", "name": "left-pad"},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.3.0"}, {"introduced": "2.0.0"}, {"last_affected": "2.1.0"}]}],
                "versions": ["9.9.9"]}],
            "references": [{"type": "WEB", "url": "https://example.com/web"}, {"type": "ADVISORY", "url": "https://example.com/a"}],
        })
    }

    #[test]
    fn versions_in_a_range_are_found() {
        for (version, fixed) in [
            ("1.2.9", Some(Some("1.3.0"))),
            ("1.3.0", None),
            ("1.9.0", None),
            ("2.1.0", Some(None)),
            ("2.1.1", None),
            ("9.9.9", Some(None)),
        ] {
            let matches = found(document(), &[package(Ecosystem::Npm, "left-pad", version)]);
            let expected = fixed.map(|fixed: Option<&str>| fixed.map(str::to_owned));
            assert_eq!(matches.first().map(|hit| hit.fixed.clone()), expected, "{version}");
        }
    }

    #[test]
    fn a_match_says_what_people_look_for() {
        let matches = found(document(), &[package(Ecosystem::Npm, "left-pad", "1.0.0")]);
        let hit = &matches[0];
        assert_eq!(
            (hit.id.as_str(), hit.text.as_str(), hit.severity),
            ("CVE-2024-1", "bad", Severity::Critical)
        );
        assert_eq!(hit.uri.as_deref(), Some("https://example.com/a"));
    }

    #[test]
    fn other_ecosystems_and_withdrawn_documents_say_nothing() {
        assert!(found(document(), &[package(Ecosystem::PyPi, "left-pad", "1.0.0")]).is_empty());
        let mut withdrawn = document();
        withdrawn["withdrawn"] = json!("2024-01-01T00:00:00Z");
        assert!(found(withdrawn, &[package(Ecosystem::Npm, "left-pad", "1.0.0")]).is_empty());
    }

    #[test]
    fn a_distributions_release_counts() {
        let document = json!({"id": "DSA-1", "upstream": ["CVE-2024-2"], "affected": [{
            "package": {"ecosystem": "Debian:12", "name": "openssl"}, "ecosystem_specific": {"urgency": "low"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.11-1~deb12u2"}]}]}]});
        let debian = |release: &str| Ecosystem::Distribution {
            name: "Debian".into(),
            release: release.into(),
            rules: Rules::Dpkg,
        };
        let mut installed = package(debian("12"), "libssl3", "3.0.11-1~deb12u1");
        installed.source = Some(("openssl".into(), "3.0.11-1~deb12u1".into()));
        assert_eq!(found(document.clone(), std::slice::from_ref(&installed))[0].severity, Severity::Low);
        installed.ecosystem = debian("11");
        assert!(found(document, &[installed]).is_empty());
    }
}
