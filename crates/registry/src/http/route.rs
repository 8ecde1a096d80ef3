//! Paths of the distribution protocol, parsed from the right since a repository's name may
//! itself have components such as `blobs` or `manifests`.

use model::ecr::{Digest, ImageTag, RepositoryName};
use percent_encoding::percent_decode_str;

use crate::error::Error;
use crate::images::Reference;

/// What a path below `/v2/` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/v2/`: is this a registry, and may I?
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/<name>/tags/list`
    Tags(RepositoryName),
    /// `/v2/<name>/manifests/<reference>`
    Manifest(RepositoryName, Reference),
    /// `/v2/<name>/referrers/<digest>`
    Referrers(RepositoryName, Digest),
    /// `/v2/<name>/blobs/<digest>`
    Blob(RepositoryName, Digest),
    /// `/v2/<name>/blobs/uploads/`
    Uploads(RepositoryName),
    /// `/v2/<name>/blobs/uploads/<id>`
    Upload(RepositoryName, String),
}

impl Route {
    /// Reads a path; names, digests and references are checked.
    pub(crate) fn parse(path: &str) -> Result<Self, Error> {
        let rest = path.strip_prefix("/v2").ok_or(Error::Unsupported)?;
        if rest.is_empty() || rest == "/" {
            return Ok(Route::Base);
        }
        let rest = rest.strip_prefix('/').ok_or(Error::Unsupported)?;
        let decode = |part| percent_decode_str(part).decode_utf8().map(|text| text.into_owned());
        let parts: Vec<String> =
            rest.split('/').map(decode).collect::<Result<_, _>>().map_err(|_| Error::Unsupported)?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["_catalog"] => Ok(Route::Catalog),
            [name @ .., "tags", "list"] if !name.is_empty() => Ok(Route::Tags(repository(name)?)),
            [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] if !name.is_empty() => {
                Ok(Route::Uploads(repository(name)?))
            }
            [name @ .., "blobs", "uploads", id] if !name.is_empty() => {
                Ok(Route::Upload(repository(name)?, (*id).to_owned()))
            }
            [name @ .., "blobs", digest] if !name.is_empty() => {
                Ok(Route::Blob(repository(name)?, parse_digest(digest)?))
            }
            [name @ .., "manifests", reference] if !name.is_empty() => {
                Ok(Route::Manifest(repository(name)?, parse_reference(reference)?))
            }
            [name @ .., "referrers", digest] if !name.is_empty() => {
                Ok(Route::Referrers(repository(name)?, parse_digest(digest)?))
            }
            _ => Err(Error::Unsupported),
        }
    }
}

fn repository(parts: &[&str]) -> Result<RepositoryName, Error> {
    let name = parts.join("/");
    name.parse().map_err(|_| Error::NameInvalid(name))
}

/// Reads a digest of a path or a query.
pub(crate) fn parse_digest(raw: &str) -> Result<Digest, Error> {
    raw.parse().map_err(|_| Error::DigestMalformed(raw.to_owned()))
}

/// A reference with a colon can only be a digest: tags have none.
fn parse_reference(raw: &str) -> Result<Reference, Error> {
    if raw.contains(':') {
        return parse_digest(raw).map(Reference::Digest);
    }
    let tag: ImageTag = raw.parse().map_err(|_| Error::TagMalformed(raw.to_owned()))?;
    Ok(Reference::Tag(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &str) -> RepositoryName {
        raw.parse().unwrap()
    }

    #[test]
    fn paths_are_read_from_the_right() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let parsed: Digest = digest.parse().unwrap();
        let tag = |raw: &str| Reference::Tag(raw.parse().unwrap());
        for (path, expected) in [
            ("/v2".to_owned(), Route::Base),
            ("/v2/".to_owned(), Route::Base),
            ("/v2/_catalog".to_owned(), Route::Catalog),
            ("/v2/web/tags/list".to_owned(), Route::Tags(name("web"))),
            ("/v2/tags/list/tags/list".to_owned(), Route::Tags(name("tags/list"))),
            ("/v2/a/b/manifests/latest".to_owned(), Route::Manifest(name("a/b"), tag("latest"))),
            (
                "/v2/blobs/uploads/manifests/manifests/v1".to_owned(),
                Route::Manifest(name("blobs/uploads/manifests"), tag("v1")),
            ),
            (
                format!("/v2/web/manifests/{}", digest.replace(':', "%3A")),
                Route::Manifest(name("web"), Reference::Digest(parsed.clone())),
            ),
            (format!("/v2/web/blobs/{digest}"), Route::Blob(name("web"), parsed.clone())),
            ("/v2/web/blobs/uploads/".to_owned(), Route::Uploads(name("web"))),
            ("/v2/web/blobs/uploads".to_owned(), Route::Uploads(name("web"))),
            ("/v2/web/blobs/uploads/u-1".to_owned(), Route::Upload(name("web"), "u-1".into())),
            (format!("/v2/web/referrers/{digest}"), Route::Referrers(name("web"), parsed)),
        ] {
            assert_eq!(Route::parse(&path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn malformed_parts_have_their_own_errors() {
        assert!(matches!(Route::parse("/v2/Web/tags/list"), Err(Error::NameInvalid(_))));
        assert!(matches!(Route::parse("/v2/a//b/tags/list"), Err(Error::NameInvalid(_))));
        assert!(matches!(Route::parse("/v2/web/blobs/sha256:12"), Err(Error::DigestMalformed(_))));
        assert!(matches!(Route::parse("/v2/web/manifests/sha256:12"), Err(Error::DigestMalformed(_))));
        assert!(matches!(Route::parse("/v2/web/manifests/.x"), Err(Error::TagMalformed(_))));
        for path in ["/v2x", "/v1/", "/v2/web", "/v2/tags/list", "/v2/web/%ff/list"] {
            assert!(matches!(Route::parse(path), Err(Error::Unsupported)), "{path}");
        }
    }
}
