//! Media types of manifests.

/// The kinds of manifest that the registry accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaType {
    /// An OCI image manifest (also of artifacts).
    OciManifest,
    /// An OCI image index.
    OciIndex,
    /// A Docker image manifest, version 2 schema 2.
    DockerManifest,
    /// A Docker manifest list.
    DockerList,
}

/// Media types as text.
pub mod media_types {
    /// An OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// A Docker image manifest, version 2 schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// A Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// A Docker manifest of schema 1, which no client pushes any more.
    pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
    /// The same, signed.
    pub const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    /// A Docker layer that is fetched from elsewhere.
    pub const DOCKER_FOREIGN_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
}

impl MediaType {
    /// The type of that name, without parameters.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            media_types::OCI_MANIFEST => Some(MediaType::OciManifest),
            media_types::OCI_INDEX => Some(MediaType::OciIndex),
            media_types::DOCKER_MANIFEST => Some(MediaType::DockerManifest),
            media_types::DOCKER_LIST => Some(MediaType::DockerList),
            _ => None,
        }
    }

    /// The type's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            MediaType::OciManifest => media_types::OCI_MANIFEST,
            MediaType::OciIndex => media_types::OCI_INDEX,
            MediaType::DockerManifest => media_types::DOCKER_MANIFEST,
            MediaType::DockerList => media_types::DOCKER_LIST,
        }
    }

    /// Whether the manifest lists other manifests.
    pub const fn is_index(self) -> bool {
        matches!(self, MediaType::OciIndex | MediaType::DockerList)
    }
}
