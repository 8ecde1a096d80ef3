//! dpkg's status files and apk's database: paragraphs of `field: value` lines.

use bytes::Bytes;

use super::Package;
use super::os::Release;

/// dpkg's database; `status.d` is where images without dpkg keep theirs.
const DPKG: &str = "var/lib/dpkg/status";
const DPKG_FOLDER: &str = "var/lib/dpkg/status.d/";
const APK: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

pub(super) fn is_database(path: &str) -> bool {
    is_dpkg(path) || APK.contains(&path)
}

fn is_dpkg(path: &str) -> bool {
    path == DPKG || (path.starts_with(DPKG_FOLDER) && !path.ends_with(".md5sums"))
}

/// Reads the packages of one file.
pub(super) fn read(path: &str, bytes: &Bytes, release: &Release, packages: &mut Vec<Package>) {
    let text = String::from_utf8_lossy(bytes);
    let is_apk = APK.contains(&path);
    if !is_apk && !is_dpkg(path) {
        return;
    }
    for paragraph in text.split("\n\n") {
        let found = if is_apk { apk(paragraph) } else { dpkg(paragraph) };
        if let Some((name, version, source, architecture)) = found {
            let ecosystem = release.ecosystem.clone();
            packages.push(Package { ecosystem, name, version, source, architecture, path: path.to_owned() });
        }
    }
}

type Found = (String, String, Option<(String, String)>, Option<String>);

fn dpkg(paragraph: &str) -> Option<Found> {
    let field = |name: &str| {
        let line = paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim().to_owned())
    };
    let (name, version) = (field("Package")?, field("Version")?);
    if field("Status").is_some_and(|status| !status.ends_with(" installed")) {
        return None;
    }
    // `Source: name (version)` where the source's version is another.
    let source = field("Source").map(|source| match source.split_once(" (") {
        Some((name, version)) => (name.to_owned(), version.trim_end_matches(')').to_owned()),
        None => (source, version.clone()),
    });
    Some((name, version, source, field("Architecture")))
}

fn apk(paragraph: &str) -> Option<Found> {
    let field = |name: &str| {
        paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::to_owned)
    };
    let version = field("V")?;
    let source = field("o").map(|origin| (origin, version.clone()));
    Some((field("P")?, version, source, field("A")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::packages::Ecosystem;
    use crate::scan::version::Rules;

    type Named = (String, String, Option<(String, String)>);

    fn names(path: &str, text: &str) -> Vec<Named> {
        let ecosystem = Ecosystem::Distribution { name: "x".into(), release: "1".into(), rules: Rules::Dpkg };
        let mut packages = Vec::new();
        let release = Release { title: "x".into(), ecosystem };
        read(path, &Bytes::from(text.to_owned()), &release, &mut packages);
        packages.into_iter().map(|package| (package.name, package.version, package.source)).collect()
    }

    #[test]
    fn dpkg_lists_what_is_installed() {
        let text = "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl (3.0.11-1)\nVersion: 3.0.11-1+b1\n\n\
                    Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: bash\nStatus: install ok installed\nVersion: 5.2\n";
        let source = Some(("openssl".to_owned(), "3.0.11-1".to_owned()));
        let expected = vec![
            ("libssl3".to_owned(), "3.0.11-1+b1".to_owned(), source),
            ("bash".into(), "5.2".into(), None),
        ];
        assert_eq!(names("var/lib/dpkg/status", text), expected);
        assert_eq!(names("var/lib/dpkg/status.d/base", "Package: base\nVersion: 1\n").len(), 1);
        assert!(names("etc/passwd", text).is_empty());
    }

    #[test]
    fn apk_lists_what_is_installed() {
        let text = "C:Q1x=\nP:libcrypto3\nV:3.1.4-r0\nA:x86_64\no:openssl\n\nP:musl\nV:1.2.4-r2\n";
        let source = Some(("openssl".to_owned(), "3.1.4-r0".to_owned()));
        let expected = vec![
            ("libcrypto3".to_owned(), "3.1.4-r0".to_owned(), source),
            ("musl".into(), "1.2.4-r2".into(), None),
        ];
        assert_eq!(names("lib/apk/db/installed", text), expected);
    }
}
