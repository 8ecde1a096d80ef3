//! The packages of an image, read from the files that package managers leave. Pure.
//!
//! `interest` says which files of a layer are worth keeping; [`list`] reads them once all
//! layers have been laid over each other.

mod language;
mod os;
mod rpm;
mod sqlite;
mod system;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::version::Rules;

/// The most packages of one image.
const MAX_PACKAGES: usize = 100_000;

/// Where a package comes from: whose advisories are about it, and whose rules order versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ecosystem {
    /// A Linux distribution's release, in OSV's words: `Debian` and `12`.
    Distribution { name: String, release: String, rules: Rules },
    /// npm.
    Npm,
    /// Python.
    PyPi,
    /// Rust.
    CratesIo,
    /// Go.
    Go,
    /// Ruby.
    RubyGems,
    /// PHP.
    Packagist,
}

/// A package that an image has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) ecosystem: Ecosystem,
    pub(crate) name: String,
    pub(crate) version: String,
    /// The source package and its version, by which distributions publish advisories.
    pub(crate) source: Option<(String, String)>,
    pub(crate) architecture: Option<String>,
    /// The file that says so.
    pub(crate) path: String,
}

impl PartialOrd for Rules {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rules {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (*self as u8).cmp(&(*other as u8))
    }
}

impl Ecosystem {
    /// The ecosystem's name in OSV documents, without a release.
    pub(crate) fn name(&self) -> &str {
        match self {
            Ecosystem::Distribution { name, .. } => name,
            Ecosystem::Npm => "npm",
            Ecosystem::PyPi => "PyPI",
            Ecosystem::CratesIo => "crates.io",
            Ecosystem::Go => "Go",
            Ecosystem::RubyGems => "RubyGems",
            Ecosystem::Packagist => "Packagist",
        }
    }

    /// Whether a document about `written`, such as `Alpine:v3.18`, is about this one. One that
    /// names no release is about all.
    pub(crate) fn is_meant_by(&self, written: &str) -> bool {
        let (name, suffix) = written.split_once(':').unwrap_or((written, ""));
        if name != self.name() {
            return false;
        }
        match self {
            Ecosystem::Distribution { release, .. } => {
                let rest = suffix.strip_prefix(release.as_str());
                suffix.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            }
            Ecosystem::Npm
            | Ecosystem::PyPi
            | Ecosystem::CratesIo
            | Ecosystem::Go
            | Ecosystem::RubyGems
            | Ecosystem::Packagist => true,
        }
    }

    /// Whose rules order versions.
    pub(crate) fn rules(&self) -> Rules {
        match self {
            Ecosystem::Distribution { rules, .. } => *rules,
            Ecosystem::Npm | Ecosystem::CratesIo | Ecosystem::Go | Ecosystem::Packagist => Rules::SemVer,
            Ecosystem::PyPi => Rules::Pep440,
            Ecosystem::RubyGems => Rules::Gem,
        }
    }
}

impl Package {
    /// The names under which advisories know the package, with its ecosystem: distributions
    /// publish by source package, some of those with rpm by package.
    pub(crate) fn advisory_names(&self) -> Vec<String> {
        let source = self.source.as_ref().map(|(name, _)| name);
        let own = (source.is_none() || self.ecosystem.rules() == Rules::Rpm).then_some(&self.name);
        source.into_iter().chain(own).map(|name| advisory_name(self.ecosystem.name(), name)).collect()
    }

    /// The version that advisories speak of.
    pub(crate) fn advisory_version(&self) -> &str {
        self.source.as_ref().map_or(&self.version, |(_, version)| version)
    }

    /// The package URL (purl), the name that bills of materials use.
    pub(crate) fn url(&self) -> String {
        let kind = match &self.ecosystem {
            Ecosystem::Distribution { rules: Rules::Apk, .. } => "apk",
            Ecosystem::Distribution { rules: Rules::Rpm, .. } => "rpm",
            Ecosystem::Distribution { .. } => "deb",
            Ecosystem::Npm => "npm",
            Ecosystem::PyPi => "pypi",
            Ecosystem::CratesIo => "cargo",
            Ecosystem::Go => "golang",
            Ecosystem::RubyGems => "gem",
            Ecosystem::Packagist => "composer",
        };
        let space = match &self.ecosystem {
            Ecosystem::Distribution { name, .. } => format!("{}/", name.to_lowercase().replace(' ', "-")),
            _language => String::new(),
        };
        let name = self.name.replace('@', "%40");
        let version = self.version.replace('+', "%2B").replace(':', "%3A");
        let arch = self.architecture.as_ref().map(|arch| format!("?arch={arch}")).unwrap_or_default();
        format!("pkg:{kind}/{space}{name}@{version}{arch}")
    }
}

/// The name under which a database finds a package: PyPI's names are written in many ways.
pub(crate) fn advisory_name(ecosystem: &str, name: &str) -> String {
    let ecosystem = ecosystem.split(':').next().unwrap_or_default();
    if ecosystem == "PyPI" {
        return format!("{ecosystem}/{}", language::python_name(name));
    }
    format!("{ecosystem}/{name}")
}

/// Whether a file of an image says anything about packages.
pub(crate) fn interests(path: &str) -> bool {
    os::is_release_file(path)
        || system::is_database(path)
        || rpm::is_database(path)
        || language::is_lock(path)
}

/// Whether a file is a package database in a form that is not read.
pub(crate) fn is_unreadable(path: &str) -> bool {
    rpm::is_old(path)
}

/// What an image consists of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Inventory {
    /// The distribution as people write it, when there is one.
    pub(crate) distribution: Option<String>,
    pub(crate) packages: Vec<Package>,
}

/// The packages that `files`, by path, speak of.
pub(crate) fn list(files: &BTreeMap<String, Bytes>) -> Inventory {
    let release = os::release(files);
    let mut packages = Vec::new();
    for (path, bytes) in files {
        if let Some(release) = &release {
            system::read(path, bytes, release, &mut packages);
            rpm::read(path, bytes, release, &mut packages);
        }
        language::read(path, bytes, &mut packages);
        packages.truncate(MAX_PACKAGES);
    }
    packages.sort_by(|a, b| {
        (&a.ecosystem, &a.name, &a.version, &a.path).cmp(&(&b.ecosystem, &b.name, &b.version, &b.path))
    });
    packages.dedup_by(|a, b| a.ecosystem == b.ecosystem && a.name == b.name && a.version == b.version);
    Inventory { distribution: release.map(|release| release.title), packages }
}
