//! Which of two versions is newer, by the rules of their ecosystem. Pure.
//!
//! Debian policy 5.6.12, rpm's `rpmvercmp`, apk-tools' version rules, semver.org 2.0, PEP 440
//! and RubyGems' `Gem::Version`. What does not parse still compares, part by part.

use std::cmp::Ordering;

/// Whose rules order versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Debian and Ubuntu.
    Dpkg,
    /// Fedora, Red Hat, SUSE and their kin.
    Rpm,
    /// Alpine, Wolfi.
    Apk,
    /// npm, crates.io, Go, Packagist.
    SemVer,
    /// Python.
    Pep440,
    /// Ruby.
    Gem,
}

/// Compares two versions.
pub(crate) fn compare(rules: Rules, a: &str, b: &str) -> Ordering {
    match rules {
        Rules::Dpkg => dpkg(a, b),
        Rules::Rpm => rpm(a, b),
        Rules::Apk => apk(a).cmp(&apk(b)),
        Rules::SemVer => semver(a).cmp(&semver(b)),
        Rules::Pep440 => pep440(a).cmp(&pep440(b)),
        Rules::Gem => gem(a, b),
    }
}

/// Splits `[epoch:]rest`.
fn epoch(version: &str) -> (u64, &str) {
    match version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version),
    }
}

fn dpkg(a: &str, b: &str) -> Ordering {
    let split = |version| {
        let (epoch, rest): (u64, &str) = epoch(version);
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        (epoch, upstream.to_owned(), revision.to_owned())
    };
    let (a, b) = (split(a), split(b));
    a.0.cmp(&b.0).then_with(|| dpkg_part(&a.1, &b.1)).then_with(|| dpkg_part(&a.2, &b.2))
}

/// Alternates between runs of non-digits, in which `~` sorts before the end and letters before
/// the rest, and runs of digits.
fn dpkg_part(a: &str, b: &str) -> Ordering {
    let order = |byte: Option<&u8>| match byte {
        None => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        let is_text = |rest: &[u8]| rest.first().is_some_and(|byte| !byte.is_ascii_digit());
        while is_text(a) || is_text(b) {
            match order(a.first()).cmp(&order(b.first())) {
                Ordering::Equal => {}
                other => return other,
            }
            (a, b) = (a.get(1..).unwrap_or_default(), b.get(1..).unwrap_or_default());
        }
        let (left, right);
        (left, a) = digits(a);
        (right, b) = digits(b);
        match numeric(left, right) {
            Ordering::Equal => {}
            other => return other,
        }
    }
    Ordering::Equal
}

/// Splits leading digits off.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// Compares numbers of any length.
fn numeric(a: &[u8], b: &[u8]) -> Ordering {
    let strip = |digits: &[u8]| {
        let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
        digits[zeros..].to_vec()
    };
    let (a, b) = (strip(a), strip(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(&b))
}

fn rpm(a: &str, b: &str) -> Ordering {
    let split = |version| {
        let (epoch, rest): (u64, &str) = epoch(version);
        let (version, release) = rest.split_once('-').unwrap_or((rest, ""));
        (epoch, version.to_owned(), release.to_owned())
    };
    let (a, b) = (split(a), split(b));
    let release = || if a.2.is_empty() || b.2.is_empty() { Ordering::Equal } else { rpm_part(&a.2, &b.2) };
    a.0.cmp(&b.0).then_with(|| rpm_part(&a.1, &b.1)).then_with(release)
}

fn rpm_part(a: &str, b: &str) -> Ordering {
    let is_separator = |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'~' | b'^');
    let skip = |text: &[u8]| text.iter().take_while(|byte| is_separator(byte)).count();
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        a = &a[skip(a)..];
        b = &b[skip(b)..];
        match (a.first(), b.first()) {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => (a, b) = (&a[1..], &b[1..]),
            (Some(b'~'), _) | (None, Some(b'^')) => return Ordering::Less,
            (_, Some(b'~')) | (Some(b'^'), None) => return Ordering::Greater,
            (Some(b'^'), _) => return Ordering::Less,
            (_, Some(b'^')) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) => match (left.is_ascii_digit(), right.is_ascii_digit()) {
                (true, false) => return Ordering::Greater,
                (false, true) => return Ordering::Less,
                (is_number, _) => {
                    let run = |text: &[u8]| {
                        let same =
                            |byte: &&u8| byte.is_ascii_alphanumeric() && byte.is_ascii_digit() == is_number;
                        text.iter().take_while(same).count()
                    };
                    let ((left, rest_a), (right, rest_b)) = (a.split_at(run(a)), b.split_at(run(b)));
                    let found = if is_number { numeric(left, right) } else { left.cmp(right) };
                    if found != Ordering::Equal {
                        return found;
                    }
                    (a, b) = (rest_a, rest_b);
                }
            },
        }
    }
}

/// Numbers, letter, suffixes and revision of an Alpine version.
fn apk(version: &str) -> (Vec<u64>, String, Vec<(i32, u64)>, u64) {
    let (rest, revision) = version.rsplit_once("-r").unwrap_or((version, "0"));
    let mut parts = rest.split('_');
    let numbers = parts.next().unwrap_or_default();
    let letter: String = numbers.chars().filter(char::is_ascii_alphabetic).collect();
    let numbers = numbers.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let numbers = numbers.split('.').map(|part| part.parse().unwrap_or(0)).collect();
    let suffix = |part: &str| {
        let name = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let rank = match name {
            "alpha" => -4,
            "beta" => -3,
            "pre" => -2,
            "rc" => -1,
            _patch => 1,
        };
        (rank, part[name.len()..].parse().unwrap_or(0))
    };
    let mut suffixes: Vec<(i32, u64)> = parts.map(suffix).collect();
    // Without a suffix a version is newer than its alpha and older than its patch.
    suffixes.push((0, 0));
    (numbers, letter, suffixes, revision.parse().unwrap_or(0))
}

/// A part of a version that is a number or a word; numbers are older than words, as semver has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Word(String),
}

fn part(text: &str) -> Part {
    text.parse().map_or_else(|_| Part::Word(text.to_owned()), Part::Number)
}

/// The numbers, then whether it is a release, then the words before the release.
fn semver(version: &str) -> (Vec<u64>, bool, Vec<Part>) {
    let version = version.trim_start_matches(['v', 'V', '=']);
    let version = version.split('+').next().unwrap_or_default();
    let (core, pre) = version.split_once('-').unwrap_or((version, ""));
    let mut numbers: Vec<u64> = core.split('.').map(|number| number.parse().unwrap_or(0)).collect();
    while numbers.len() > 1 && numbers.last() == Some(&0) {
        numbers.pop();
    }
    let words = if pre.is_empty() { Vec::new() } else { pre.split('.').map(part).collect() };
    (numbers, pre.is_empty(), words)
}

/// How a Python version sorts: epoch, release, pre-, post- and development release.
type Python = (u64, Vec<u64>, (i32, u64), u64, (i32, u64));

/// Epoch, release, and where pre-, post- and development releases stand.
fn pep440(version: &str) -> Python {
    let version = version.trim().to_ascii_lowercase();
    let version = version.trim_start_matches('v').split('+').next().unwrap_or_default().to_owned();
    let (epoch, rest) = version.split_once('!').unwrap_or(("0", &version));
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (release, mut rest) = rest.split_at(end);
    let mut numbers: Vec<u64> = release.split('.').filter_map(|number| number.parse().ok()).collect();
    while numbers.len() > 1 && numbers.last() == Some(&0) {
        numbers.pop();
    }
    let (mut pre, mut post, mut dev) = (None, 0, None);
    while !rest.is_empty() {
        rest = rest.trim_start_matches(['.', '-', '_']);
        let name_end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_end);
        let after = after.trim_start_matches(['.', '-', '_']);
        let number_end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let number: u64 = after[..number_end].parse().unwrap_or(0);
        match name {
            "a" | "alpha" => pre = Some((1, number)),
            "b" | "beta" => pre = Some((2, number)),
            "c" | "rc" | "pre" | "preview" => pre = Some((3, number)),
            "dev" => dev = Some(number),
            "" if number_end == 0 => break,
            // `1.0-1` is a post-release too.
            _post => post = number + 1,
        }
        rest = &after[number_end..];
    }
    // `1.0.dev1` comes before `1.0a1`, which comes before `1.0`.
    let pre = pre.unwrap_or(if dev.is_some() && post == 0 { (0, 0) } else { (4, 0) });
    (epoch.parse().unwrap_or(0), numbers, pre, post, dev.map_or((1, 0), |number| (0, number)))
}

/// Compares segment by segment; words are older than numbers, and missing segments are zero.
fn gem(a: &str, b: &str) -> Ordering {
    let split = |version: &str| -> Vec<Part> {
        let mut parts = Vec::new();
        for segment in version.split(['.', '-']) {
            let mut rest = segment;
            while let Some(first) = rest.chars().next() {
                let same = |c: char| c.is_ascii_digit() == first.is_ascii_digit();
                let end = rest.find(|c| !same(c)).unwrap_or(rest.len());
                parts.push(part(&rest[..end]));
                rest = &rest[end..];
            }
        }
        parts
    };
    let (a, b) = (split(a), split(b));
    for at in 0..a.len().max(b.len()) {
        let zero = Part::Number(0);
        let found = match (a.get(at).unwrap_or(&zero), b.get(at).unwrap_or(&zero)) {
            (Part::Word(_), Part::Number(_)) => Ordering::Less,
            (Part::Number(_), Part::Word(_)) => Ordering::Greater,
            (left, right) => left.cmp(right),
        };
        if found != Ordering::Equal {
            return found;
        }
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ascending(rules: Rules, versions: &[&str]) {
        for (at, older) in versions.iter().enumerate() {
            assert_eq!(compare(rules, older, older), Ordering::Equal, "{older}");
            for newer in &versions[at + 1..] {
                assert_eq!(compare(rules, older, newer), Ordering::Less, "{older} < {newer}");
                assert_eq!(compare(rules, newer, older), Ordering::Greater, "{newer} > {older}");
            }
        }
    }

    #[test]
    fn debian_versions_ascend() {
        ascending(
            Rules::Dpkg,
            &[
                "1.0~rc1-1",
                "1.0-1",
                "1.0-1+deb12u1",
                "1.0-1.1",
                "1.0-2",
                "1.0a-1",
                "1.9-1",
                "1.10-1",
                "1:0.1",
            ],
        );
        assert_eq!(compare(Rules::Dpkg, "1.01-1", "1.1-1"), Ordering::Equal);
    }

    #[test]
    fn rpm_versions_ascend() {
        ascending(
            Rules::Rpm,
            &["1.0~rc1-1", "1.0-1.el9", "1.0-2.el9", "1.0^git1-1", "1.0a-1", "1.0.1-1", "1.10-1", "1:0.5-1"],
        );
        assert_eq!(compare(Rules::Rpm, "1.0", "1.0-5"), Ordering::Equal);
    }

    #[test]
    fn alpine_versions_ascend() {
        ascending(
            Rules::Apk,
            &[
                "1.2_alpha1-r0",
                "1.2_rc1-r0",
                "1.2-r0",
                "1.2-r1",
                "1.2_p1-r0",
                "1.2a-r0",
                "1.2.1-r0",
                "1.10-r0",
            ],
        );
    }

    #[test]
    fn semantic_versions_ascend() {
        ascending(
            Rules::SemVer,
            &[
                "1.0.0-alpha",
                "1.0.0-alpha.1",
                "1.0.0-beta",
                "1.0.0-rc.2",
                "1.0.0-rc.10",
                "1.0.0",
                "1.0.1",
                "1.2.0",
                "1.10.0",
                "2.0.0",
            ],
        );
        assert_eq!(compare(Rules::SemVer, "v1.0", "1.0.0+build"), Ordering::Equal);
    }

    #[test]
    fn python_versions_ascend() {
        ascending(
            Rules::Pep440,
            &["1.0.dev1", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0.post1", "1.0.1", "1.10", "1!0.1"],
        );
        assert_eq!(compare(Rules::Pep440, "1.0", "1.0.0"), Ordering::Equal);
    }

    #[test]
    fn ruby_versions_ascend() {
        ascending(Rules::Gem, &["1.0.a", "1.0.rc1", "1.0", "1.0.1", "1.9", "1.10"]);
        assert_eq!(compare(Rules::Gem, "1", "1.0"), Ordering::Equal);
    }
}
