//! Reading a manifest as it is pushed: what kind it is and what it refers to.
//!
//! The bytes themselves are kept and served unchanged. A manifest is refused here when it
//! cannot be pulled by anybody; whether its blobs exist is asked later, against the repository.

use std::collections::BTreeMap;

use model::ecr::Digest;
use wire::oci::{Descriptor, Document, ImageIndex, ImageManifest, MediaType, media_types};

use crate::error::Error;

/// The largest manifest, as the distribution specification recommends and ECR has it.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;
/// The longest media or artifact type: RFC 6838 allows 127 characters on each side of the slash.
const MAX_TYPE_LEN: usize = 255;
/// The most layers or manifests in one manifest: ECR's quota of layers.
const MAX_REFERENCES: usize = 4200;

/// What a manifest says.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Its media type.
    pub media_type: MediaType,
    /// Its artifact type; an image's is its configuration's media type.
    pub artifact_type: Option<String>,
    /// The size of configuration and layers together.
    pub image_size: u64,
    /// The blobs that must be in the repository.
    pub blobs: Vec<Digest>,
    /// The manifests that must be in the repository.
    pub manifests: Vec<Digest>,
    /// The manifest that this one is about; need not exist.
    pub subject: Option<Digest>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a manifest that was pushed with that `Content-Type`.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Self, Error> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(Error::ManifestTooLarge(MAX_MANIFEST_BYTES));
        }
        let document: Document = serde_json::from_slice(bytes).map_err(invalid)?;
        if document.schema_version != Some(2) {
            return Err(refused("schemaVersion must be 2"));
        }
        match kind(&document, content_type)? {
            kind if kind.is_index() => Self::index(kind, bytes, &document),
            kind => Self::image(kind, bytes, &document),
        }
    }

    fn image(kind: MediaType, bytes: &[u8], document: &Document) -> Result<Self, Error> {
        if document.manifests.is_some() {
            return Err(refused("an image manifest has no manifests"));
        }
        let image: ImageManifest = serde_json::from_slice(bytes).map_err(invalid)?;
        let mut blobs = Vec::with_capacity(image.layers.len() + 1);
        let mut image_size = 0u64;
        bounded(image.layers.len())?;
        for part in std::iter::once(&image.config).chain(&image.layers) {
            let digest = checked(part)?;
            image_size = image_size.saturating_add(part.size.unsigned_abs());
            if !is_foreign(part) {
                blobs.push(digest);
            }
        }
        Ok(Manifest {
            media_type: kind,
            artifact_type: short(image.artifact_type.or(Some(image.config.media_type)))?,
            image_size,
            blobs: unique(blobs),
            manifests: Vec::new(),
            subject: image.subject.as_ref().map(checked).transpose()?,
            annotations: image.annotations.unwrap_or_default(),
        })
    }

    fn index(kind: MediaType, bytes: &[u8], document: &Document) -> Result<Self, Error> {
        if document.config.is_some() || document.layers.is_some() {
            return Err(refused("an index has neither config nor layers"));
        }
        let index: ImageIndex = serde_json::from_slice(bytes).map_err(invalid)?;
        bounded(index.manifests.len())?;
        let manifests = index.manifests.iter().map(checked).collect::<Result<Vec<_>, _>>()?;
        Ok(Manifest {
            media_type: kind,
            artifact_type: short(index.artifact_type)?,
            image_size: 0,
            blobs: Vec::new(),
            manifests: unique(manifests),
            subject: index.subject.as_ref().map(checked).transpose()?,
            annotations: index.annotations.unwrap_or_default(),
        })
    }
}

/// The manifest's media type: the header's, which must be the body's where both speak.
fn kind(document: &Document, content_type: Option<&str>) -> Result<MediaType, Error> {
    let header = content_type.map(|raw| raw.split(';').next().unwrap_or_default().trim());
    let header = header.filter(|name| !matches!(*name, "" | "application/json" | "application/octet-stream"));
    let stated = document.media_type.as_deref();
    if let (Some(header), Some(stated)) = (header, stated)
        && header != stated
    {
        return Err(refused("Content-Type and mediaType differ"));
    }
    match header.or(stated) {
        Some(media_types::DOCKER_SCHEMA1 | media_types::DOCKER_SCHEMA1_SIGNED) => {
            Err(refused("Docker image manifests of schema 1 are not supported"))
        }
        Some(name) => MediaType::named(name)
            .ok_or_else(|| Error::ManifestInvalid(format!("unsupported media type {name}"))),
        None if document.manifests.is_some() => Ok(MediaType::OciIndex),
        None => Ok(MediaType::OciManifest),
    }
}

fn checked(part: &Descriptor) -> Result<Digest, Error> {
    if part.size < 0 {
        return Err(refused("a descriptor's size is negative"));
    }
    part.digest.parse().map_err(|_| Error::ManifestInvalid(format!("{:?} is no digest", part.digest)))
}

/// Layers that are fetched from elsewhere need not be in the registry.
fn is_foreign(part: &Descriptor) -> bool {
    let kind = part.media_type.as_str();
    !part.urls.is_empty()
        && (kind == media_types::DOCKER_FOREIGN_LAYER || kind.contains(".layer.nondistributable."))
}

/// A type that may be kept with the image; an empty one says nothing.
fn short(kind: Option<String>) -> Result<Option<String>, Error> {
    match kind.filter(|kind| !kind.is_empty()) {
        Some(kind) if kind.len() > MAX_TYPE_LEN => Err(refused("a media type is too long")),
        other => Ok(other),
    }
}

fn unique(mut digests: Vec<Digest>) -> Vec<Digest> {
    digests.sort();
    digests.dedup();
    digests
}

fn bounded(count: usize) -> Result<(), Error> {
    if count <= MAX_REFERENCES { Ok(()) } else { Err(refused("too many layers or manifests")) }
}

fn refused(why: &str) -> Error {
    Error::ManifestInvalid(why.to_owned())
}

fn invalid(error: serde_json::Error) -> Error {
    Error::ManifestInvalid(error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn digest(of: u8) -> String {
        format!("sha256:{}", format!("{of:02x}").repeat(32))
    }

    fn image() -> serde_json::Value {
        json!({
            "schemaVersion": 2,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(1), "size": 10},
            "layers": [{"mediaType": "x", "digest": digest(2), "size": 20}, {"mediaType": "x", "digest": digest(2), "size": 20}],
        })
    }

    fn parse(document: &serde_json::Value, content_type: Option<&str>) -> Result<Manifest, Error> {
        Manifest::parse(document.to_string().as_bytes(), content_type)
    }

    #[test]
    fn an_image_refers_to_its_config_and_layers() {
        let manifest = parse(&image(), Some(media_types::OCI_MANIFEST)).unwrap();
        assert_eq!(manifest.media_type, MediaType::OciManifest);
        assert_eq!(manifest.blobs, [digest(1).parse().unwrap(), digest(2).parse().unwrap()]);
        assert_eq!(manifest.image_size, 50);
        assert_eq!(manifest.artifact_type.as_deref(), Some("application/vnd.oci.image.config.v1+json"));
    }

    #[test]
    fn an_index_refers_to_manifests() {
        let index = json!({"schemaVersion": 2, "manifests": [{"mediaType": media_types::OCI_MANIFEST, "digest": digest(3), "size": 1}]});
        let manifest = parse(&index, None).unwrap();
        assert_eq!((manifest.media_type, manifest.manifests.len()), (MediaType::OciIndex, 1));
    }

    #[test]
    fn foreign_layers_are_not_asked_for() {
        let mut document = image();
        document["layers"] = json!([{"mediaType": media_types::DOCKER_FOREIGN_LAYER, "digest": digest(9), "size": 1, "urls": ["https://example.com"]}]);
        assert_eq!(parse(&document, Some(media_types::DOCKER_MANIFEST)).unwrap().blobs.len(), 1);
    }

    #[test]
    fn what_cannot_be_pulled_is_refused() {
        let with = |key: &str, value: serde_json::Value| {
            let mut document = image();
            document[key] = value;
            document
        };
        for (document, content_type) in [
            (with("schemaVersion", json!(1)), None),
            (with("schemaVersion", json!(null)), None),
            (with("mediaType", json!("application/json")), None),
            (with("mediaType", json!(media_types::DOCKER_MANIFEST)), Some(media_types::OCI_MANIFEST)),
            (with("layers", json!("none")), None),
            (with("config", json!(null)), None),
            (with("config", json!({"mediaType": "x", "digest": "sha256:12", "size": 1})), None),
            (with("config", json!({"mediaType": "x", "digest": digest(1), "size": -1})), None),
            (with("manifests", json!([])), None),
            (image(), Some(media_types::OCI_INDEX)),
            (image(), Some(media_types::DOCKER_SCHEMA1_SIGNED)),
            (image(), Some("text/plain")),
            (json!([]), None),
        ] {
            let refused = matches!(parse(&document, content_type), Err(Error::ManifestInvalid(_)));
            assert!(refused, "{document} {content_type:?}");
        }
        assert!(matches!(Manifest::parse(b"{", None), Err(Error::ManifestInvalid(_))));
        let large = vec![b' '; MAX_MANIFEST_BYTES + 1];
        assert!(matches!(Manifest::parse(&large, None), Err(Error::ManifestTooLarge(_))));
    }
}
