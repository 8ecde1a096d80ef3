//! Which image of an index runs on this machine. Pure.

use wire::oci::{Descriptor, Platform};

/// This machine's processor as OCI names it.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        other => other,
    }
}

/// `linux/amd64`, for texts.
pub(super) fn name() -> String {
    format!("linux/{}", architecture())
}

/// The entry of an index for Linux on `architecture`. Of several variants the first wins: builders put
/// the baseline first.
pub(super) fn choose<'a>(entries: &'a [Descriptor], architecture: &str) -> Option<&'a Descriptor> {
    let fits = |platform: &Platform| platform.os == "linux" && platform.architecture == architecture;
    let fitting = entries.iter().find(|entry| entry.platform.as_ref().is_some_and(fits));
    // An index of one image that names no platform leaves no choice.
    let only = entries.iter().filter(|_| entries.len() == 1).find(|entry| entry.platform.is_none());
    fitting.or(only)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(os: &str, architecture: &str) -> Descriptor {
        let platform = Platform { os: os.into(), architecture: architecture.into(), ..Platform::default() };
        Descriptor {
            digest: format!("{os}-{architecture}"),
            platform: Some(platform),
            ..Descriptor::default()
        }
    }

    #[test]
    fn the_machine_decides() {
        let entries = [entry("windows", "amd64"), entry("linux", "arm64"), entry("linux", "amd64")];
        assert_eq!(choose(&entries, "amd64").unwrap().digest, "linux-amd64");
        assert_eq!(choose(&entries, "arm64").unwrap().digest, "linux-arm64");
        assert_eq!(choose(&entries, "s390x"), None);
        assert_eq!(choose(&entries[..1], "amd64"), None);
    }
}
