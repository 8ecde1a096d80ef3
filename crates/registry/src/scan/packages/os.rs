//! Which distribution an image is: `/etc/os-release` (freedesktop.org's os-release(5)).

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Ecosystem;
use crate::scan::version::Rules;

const FILES: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

/// A distribution's release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    /// As people write it.
    pub(super) title: String,
    /// As OSV documents write it.
    pub(super) ecosystem: Ecosystem,
}

pub(super) fn is_release_file(path: &str) -> bool {
    FILES.contains(&path)
}

/// The release that the files name.
pub(super) fn release(files: &BTreeMap<String, Bytes>) -> Option<Release> {
    let text = FILES.iter().find_map(|path| files.get(*path))?;
    let text = String::from_utf8_lossy(text);
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned())
    };
    let (id, version) = (field("ID")?, field("VERSION_ID").unwrap_or_default());
    let major = version.split('.').next().unwrap_or_default().to_owned();
    let two: Vec<&str> = version.split('.').take(2).collect();
    let two = two.join(".");
    let (name, release, rules) = match id.as_str() {
        "debian" => ("Debian", major, Rules::Dpkg),
        "ubuntu" => ("Ubuntu", version.clone(), Rules::Dpkg),
        "alpine" => ("Alpine", format!("v{two}"), Rules::Apk),
        "wolfi" => ("Wolfi", String::new(), Rules::Apk),
        "chainguard" => ("Chainguard", String::new(), Rules::Apk),
        "rocky" => ("Rocky Linux", major, Rules::Rpm),
        "almalinux" => ("AlmaLinux", major, Rules::Rpm),
        "rhel" | "centos" => ("Red Hat", String::new(), Rules::Rpm),
        "opensuse-leap" => ("openSUSE", format!("Leap {version}"), Rules::Rpm),
        "opensuse-tumbleweed" => ("openSUSE", "Tumbleweed".to_owned(), Rules::Rpm),
        "mageia" => ("Mageia", major, Rules::Rpm),
        "openEuler" => ("openEuler", version.clone(), Rules::Rpm),
        "photon" => ("Photon OS", version.clone(), Rules::Rpm),
        "azurelinux" | "mariner" => ("Azure Linux", major, Rules::Rpm),
        // Its packages are listed; no database of ours can know its advisories by another name.
        _other => {
            let rules = if field("ID_LIKE").is_some_and(|like| like.contains("debian")) {
                Rules::Dpkg
            } else {
                Rules::Rpm
            };
            (id.as_str(), version.clone(), rules)
        }
    };
    let ecosystem = Ecosystem::Distribution { name: name.to_owned(), release, rules };
    Some(Release { title: field("PRETTY_NAME").unwrap_or_else(|| format!("{id} {version}")), ecosystem })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str)>) {
        let files = BTreeMap::from([("usr/lib/os-release".to_owned(), Bytes::from(text.to_owned()))]);
        let found = release(&files).map(|found| match found.ecosystem {
            Ecosystem::Distribution { name, release, .. } => (name, release),
            other => panic!("{other:?} is no distribution"),
        });
        assert_eq!(found, expected.map(|(name, release)| (name.to_owned(), release.to_owned())));
    }

    #[test]
    fn releases_have_the_databases_names() {
        check(
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n",
            Some(("Debian", "12")),
        );
        check("ID=ubuntu\nVERSION_ID=\"22.04\"\nID_LIKE=debian\n", Some(("Ubuntu", "22.04")));
        check("ID=alpine\nVERSION_ID=3.18.4\n", Some(("Alpine", "v3.18")));
        check("ID=\"rocky\"\nVERSION_ID=\"9.3\"\n", Some(("Rocky Linux", "9")));
        check("ID=\"opensuse-leap\"\nVERSION_ID=\"15.5\"\n", Some(("openSUSE", "Leap 15.5")));
        check("NAME=none\n", None);
    }
}
