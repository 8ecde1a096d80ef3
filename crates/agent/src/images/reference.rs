//! Image references: Docker's short names, digests, and ECR names of our own registry. Pure.

use std::net::IpAddr;

use oci_client::Reference;

/// An image reference and where it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The reference as the user wrote it, completed: what error texts show.
    pub shown: String,
    /// The reference at the registry that serves it.
    pub reference: Reference,
    /// Whether that registry speaks plain HTTP.
    pub plain_http: bool,
}

impl Located {
    /// The repository with its registry, under which containerd knows the image.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.reference.registry(), self.reference.repository())
    }
}

/// Finds the registry of an image. `own` is our registry's `host:port`; `plain_http` are others without TLS.
/// A name `ACCOUNT.dkr.ecr.REGION.…` is ours when the control plane has `credentials` for it.
pub fn locate(image: &str, own: &str, plain_http: &[String], credentials: bool) -> Result<Located, String> {
    let wanted: Reference = image.trim().parse().map_err(|_| "invalid reference format".to_string())?;
    let host = if is_own(wanted.registry(), own, credentials) { own } else { wanted.registry() };
    let reference = match (wanted.tag(), wanted.digest()) {
        // A digest says everything: a tag beside it is for people.
        (_, Some(digest)) => Reference::with_digest(host.into(), wanted.repository().into(), digest.into()),
        (tag, None) => {
            Reference::with_tag(host.into(), wanted.repository().into(), tag.unwrap_or("latest").into())
        }
    };
    let plain_http = is_loopback(host) || plain_http.iter().any(|registry| registry == host);
    Ok(Located { shown: wanted.whole(), reference, plain_http })
}

fn is_own(host: &str, own: &str, credentials: bool) -> bool {
    if host == own {
        return true;
    }
    let Some((account, rest)) = host.split_once(".dkr.ecr.") else { return false };
    let numbered = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let at_amazon = rest.ends_with(".amazonaws.com") || rest.ends_with(".amazonaws.com.cn");
    numbered && (credentials || !at_amazon)
}

/// As in Docker, registries on this machine speak plain HTTP.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "127.0.0.1:4566";

    fn check(image: &str, expected: &str, plain: bool) {
        let located = locate(image, OWN, &["registry.lan:5000".into()], true).unwrap();
        assert_eq!((located.reference.whole().as_str(), located.plain_http), (expected, plain), "{image}");
    }

    #[test]
    fn names_are_completed_as_dockers() {
        check("nginx", "docker.io/library/nginx:latest", false);
        check("bitnami/redis:7", "docker.io/bitnami/redis:7", false);
        check("localhost:5000/a/b", "localhost:5000/a/b:latest", true);
        check("registry.lan:5000/x:1", "registry.lan:5000/x:1", true);
        check("127.0.0.1:4566/x", "127.0.0.1:4566/x:latest", true);
    }

    #[test]
    fn a_digest_wins_over_a_tag() {
        let digest = format!("sha256:{}", "a".repeat(64));
        check(&format!("ghcr.io/a/b:1@{digest}"), &format!("ghcr.io/a/b@{digest}"), false);
    }

    #[test]
    fn ecr_names_of_our_accounts_are_ours() {
        let name = "123456789012.dkr.ecr.us-east-2.amazonaws.com/web:1";
        check(name, "127.0.0.1:4566/web:1", true);
        assert_eq!(locate(name, OWN, &[], true).unwrap().shown, name);
        assert_eq!(locate(name, OWN, &[], false).unwrap().reference.whole(), name);
        check("123456789012.dkr.ecr.us-east-2.localhost:4566/web:1", "127.0.0.1:4566/web:1", true);
    }

    #[test]
    fn nonsense_is_refused() {
        for image in ["", "UPPER", "a b", "x@sha256:12"] {
            assert_eq!(locate(image, OWN, &[], false), Err("invalid reference format".into()), "{image}");
        }
    }
}
