//! A pull from its beginning to its end: resolve, fetch side by side, unpack in order, record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use containerd_client::services::v1::{CreateImageRequest, Image, UpdateImageRequest};
use containerd_client::types;
use futures_util::{FutureExt, StreamExt};
use oci_spec::image::ImageConfiguration;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use tonic::Code;
use wire::oci::{Descriptor, Document, ImageIndex, ImageManifest};

use super::client::{Clients, RegistryClient};
use super::content::{Content, Labels};
use super::error::{Error, Failure, Phase};
use super::flight::{Flights, NamedLocks};
use super::gc::{CHAIN_LABEL, CleanupPolicy};
use super::limits::Limits;
use super::reference::{Located, locate};
use super::{layer, platform, unpack};
use crate::config::AgentConfig;
use crate::containerd::Connection;
use crate::task::ports::ImageSource;
use crate::task::record::PulledImage;

/// Attempts to reach a registry that fails for a moment.
const ATTEMPTS: u32 = 3;
/// Attempts while containerd is away.
const AWAY_ATTEMPTS: u32 = 20;
const RETRY_PAUSE: Duration = Duration::from_millis(400);
/// Layers of one image fetched at once.
const PARALLEL_LAYERS: usize = 4;

/// The images of a node; clones share everything.
#[derive(Clone)]
pub struct Images {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) connection: Connection,
    registry_host: String,
    plain_http: Vec<String>,
    limits: Limits,
    pub(super) cleanup: CleanupPolicy,
    data_dir: std::path::PathBuf,
    clients: Clients,
    fetches: Flights<Result<Arc<PulledImage>, Failure>>,
    layer_locks: NamedLocks,
    chain_locks: NamedLocks,
    /// Images that were found ready, by the digest of their manifest.
    pub(super) ready: Mutex<BTreeMap<String, Arc<PulledImage>>>,
    /// When an image was last asked for, by the digest of its manifest.
    pub(super) used: Mutex<BTreeMap<String, Instant>>,
}

/// What a reference means today.
#[derive(Clone)]
struct Resolved {
    /// The digest that the reference stands for: an index's, where it is one.
    digest: String,
    manifest_digest: String,
    bytes: Bytes,
    manifest: ImageManifest,
}

impl Images {
    /// The images in the containerd at `connection`; those that nobody uses go after a while. Needs a tokio
    /// runtime.
    pub fn new(config: &AgentConfig, connection: Connection) -> Images {
        let images = Images::with_limits(config, connection, Limits::default());
        images.collect_in_background(config.data_dir.clone());
        images
    }

    /// The same with other limits, and without collection.
    pub fn with_limits(config: &AgentConfig, connection: Connection, limits: Limits) -> Images {
        let shared = Shared {
            connection,
            registry_host: config.registry_host.clone(),
            plain_http: config.plain_http_registries.clone(),
            limits,
            cleanup: config.image_cleanup,
            data_dir: config.data_dir.clone(),
            clients: Clients::default(),
            fetches: Flights::default(),
            layer_locks: NamedLocks::default(),
            chain_locks: NamedLocks::default(),
            ready: Mutex::default(),
            used: Mutex::default(),
        };
        Images { shared: Arc::new(shared) }
    }

    async fn pull_image(&self, image: &str, login: Option<(String, String)>) -> Result<PulledImage, String> {
        let shared = &self.shared;
        let located = locate(image, &shared.registry_host, &shared.plain_http, login.is_some());
        let located = located.map_err(|_| {
            Failure { error: Error::Reference, phase: Phase::Resolve, attempts: 1 }.reason(image)
        })?;
        let client = shared.clients.get(&located, &login);
        let resolved = shared.resolve_with_patience(&client, &located).await;
        let resolved = resolved.map_err(|failure| failure.reason(&located.shown))?;
        shared.used.lock().insert(resolved.manifest_digest.clone(), Instant::now());
        let digest = resolved.digest.clone();
        let name = resolved.manifest_digest.clone();
        let fetch = shared.fetches.join(&name, || {
            let (shared, located) = (shared.clone(), located.clone());
            async move { shared.fetch_with_patience(&client, &located, &resolved).await }.boxed()
        });
        let pulled = fetch.await.map_err(|failure| failure.reason(&located.shown))?;
        Ok(PulledImage { manifest_digest: digest, ..PulledImage::clone(&pulled) })
    }
}

#[async_trait]
impl ImageSource for Images {
    async fn pull(&self, reference: &str, login: Option<(String, String)>) -> Result<PulledImage, String> {
        let begun = Instant::now();
        let pulled = self.pull_image(reference, login).await;
        match &pulled {
            Ok(image) => {
                let millis = begun.elapsed().as_millis();
                tracing::debug!(reference, digest = image.manifest_digest, millis, "image is ready");
            }
            Err(reason) => tracing::info!(reference, reason, "image cannot be pulled"),
        }
        pulled
    }
}

impl Shared {
    async fn resolve_with_patience(
        &self,
        client: &RegistryClient,
        located: &Located,
    ) -> Result<Resolved, Failure> {
        let mut attempts = 1;
        loop {
            match self.resolve(client, located).await {
                Err(error) if error.is_temporary() && attempts < ATTEMPTS => {
                    tokio::time::sleep(RETRY_PAUSE * attempts).await;
                    attempts += 1;
                }
                other => return other.map_err(|error| Failure { error, phase: Phase::Resolve, attempts }),
            }
        }
    }

    async fn resolve(&self, client: &RegistryClient, located: &Located) -> Result<Resolved, Error> {
        let (bytes, digest) = self.document(client, located).await?;
        let kind: Document = parse(&bytes, "manifest")?;
        if kind.manifests.is_none() {
            let manifest = parse(&bytes, "manifest")?;
            return Ok(Resolved { manifest_digest: digest.clone(), digest, bytes, manifest });
        }
        let index: ImageIndex = parse(&bytes, "index")?;
        let no_platform = || Error::Platform { platform: platform::name() };
        let entry = platform::choose(&index.manifests, platform::architecture()).ok_or_else(no_platform)?;
        let reference = located.reference.clone_with_digest(entry.digest.clone());
        let (bytes, manifest_digest) =
            self.document(client, &Located { reference, ..located.clone() }).await?;
        let manifest = parse(&bytes, "manifest")?;
        Ok(Resolved { digest, manifest_digest, bytes, manifest })
    }

    /// A manifest or an index whose digest is its own, and the reference's where that names one.
    async fn document(&self, client: &RegistryClient, located: &Located) -> Result<(Bytes, String), Error> {
        let bytes = client.manifest(located, self.limits.manifest_bytes).await?;
        let digest = digest_of(&bytes);
        match located.reference.digest() {
            Some(wanted) if wanted != digest => {
                Err(Error::Malformed(format!("manifest has digest {digest} instead of {wanted}")))
            }
            _ => Ok((bytes, digest)),
        }
    }

    async fn fetch_with_patience(
        self: &Arc<Self>,
        client: &Arc<RegistryClient>,
        located: &Located,
        resolved: &Resolved,
    ) -> Result<Arc<PulledImage>, Failure> {
        let (mut attempts, mut away) = (1, 0);
        loop {
            match self.fetch(client, located, resolved).await {
                // A daemon that was killed is back within a second, but may be killed again.
                Err(Error::Containerd { away: true, .. }) if away < AWAY_ATTEMPTS => {
                    away += 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Err(error) if error.is_temporary() && attempts < ATTEMPTS => {
                    tokio::time::sleep(RETRY_PAUSE * attempts).await;
                    attempts += 1;
                }
                other => return other.map_err(|error| Failure { error, phase: Phase::Fetch, attempts }),
            }
        }
    }

    async fn fetch(
        self: &Arc<Self>,
        client: &Arc<RegistryClient>,
        located: &Located,
        resolved: &Resolved,
    ) -> Result<Arc<PulledImage>, Error> {
        if let Some(ready) = self.find_ready(&resolved.manifest_digest).await {
            return Ok(ready);
        }
        let lease = format!("longshore-pull-{}", resolved.manifest_digest);
        let content = Content::lease(&self.connection, &lease).await?;
        let fetched = self.fetch_leased(&content, client, located, resolved).await;
        match &fetched {
            // What a broken attempt has brought is kept for the next one.
            Err(error) if error.is_temporary() => {}
            // What was refused leaves nothing.
            Err(_) => content.release(true).await,
            Ok(_) => content.release(false).await,
        }
        let pulled = Arc::new(fetched?);
        self.ready.lock().insert(resolved.manifest_digest.clone(), pulled.clone());
        Ok(pulled)
    }

    /// An image that was ready before, if its snapshot is still there.
    async fn find_ready(&self, manifest_digest: &str) -> Option<Arc<PulledImage>> {
        use containerd_client::services::v1::snapshots::StatSnapshotRequest;
        let ready = self.ready.lock().get(manifest_digest).cloned()?;
        let snapshotter = self.connection.snapshotter().to_string();
        let request = StatSnapshotRequest { snapshotter, key: ready.chain_id.clone() };
        self.connection.client().snapshots().stat(self.connection.request(request)).await.ok()?;
        Some(ready)
    }

    async fn fetch_leased(
        self: &Arc<Self>,
        content: &Content,
        client: &Arc<RegistryClient>,
        located: &Located,
        resolved: &Resolved,
    ) -> Result<PulledImage, Error> {
        let manifest = &resolved.manifest;
        if manifest.layers.len() > self.limits.layers {
            return Err(Error::Malformed(format!("an image of {} layers", manifest.layers.len())));
        }
        let config_bytes = self.config(content, client, located, &manifest.config).await?;
        let config: ImageConfiguration = parse(&config_bytes, "image configuration")?;
        let diff_ids = config.rootfs().diff_ids().to_vec();
        if diff_ids.len() != manifest.layers.len() {
            return Err(Error::Layer("mismatched image rootfs and manifest layers".into()));
        }
        let chain = unpack::chain_ids(&diff_ids);
        self.bring_layers(content, client, located, &manifest.layers, &diff_ids, &chain).await?;

        let top = chain.last().cloned().unwrap_or_default();
        let snapshot = format!("containerd.io/gc.ref.snapshot.{}", self.connection.snapshotter());
        let config_labels =
            if top.is_empty() { Labels::new() } else { Labels::from([(snapshot, top.clone())]) };
        content.put(&manifest.config.digest, &config_bytes, config_labels).await?;
        let to_config = ("containerd.io/gc.ref.content.config".to_string(), manifest.config.digest.clone());
        content.put(&resolved.manifest_digest, &resolved.bytes, Labels::from([to_config])).await?;
        self.record(located, resolved, &top).await?;
        Ok(PulledImage { manifest_digest: resolved.manifest_digest.clone(), chain_id: top, config })
    }

    async fn config(
        &self,
        content: &Content,
        client: &RegistryClient,
        located: &Located,
        config: &Descriptor,
    ) -> Result<Vec<u8>, Error> {
        let limit = self.limits.config_bytes;
        if let Some(stored) = content.document(&config.digest, limit).await? {
            return Ok(stored);
        }
        let mut data = Vec::new();
        let mut blob = client.blob(located, config, 0).await?;
        while let Some(chunk) = blob.chunks.next().await {
            data.extend_from_slice(&chunk.map_err(|error| Error::Registry(error.to_string()))?);
            if data.len() as u64 > limit {
                return Err(Error::Malformed("the image configuration is too large".into()));
            }
        }
        if digest_of(&data) != config.digest {
            return Err(Error::Malformed(format!("configuration is not {}", config.digest)));
        }
        Ok(data)
    }

    /// Fetches what is missing side by side and unpacks it from the bottom up.
    async fn bring_layers(
        self: &Arc<Self>,
        content: &Content,
        client: &Arc<RegistryClient>,
        located: &Located,
        layers: &[Descriptor],
        diff_ids: &[String],
        chain: &[String],
    ) -> Result<(), Error> {
        // The highest snapshot that is there has everything below it.
        let mut present = layers.len();
        while present > 0 && !unpack::is_unpacked(content, &chain[present - 1]).await? {
            present -= 1;
        }
        let slots = Arc::new(Semaphore::new(PARALLEL_LAYERS));
        let fetches: Vec<_> = layers[present..]
            .iter()
            .map(|layer| self.fetch_in_background(content, client, located, layer, &slots))
            .collect();
        for (fetch, at) in fetches.into_iter().zip(present..) {
            fetch.await.map_err(|_| Error::Cancelled)??;
            let parent = if at == 0 { "" } else { chain[at - 1].as_str() };
            let _lock = self.chain_locks.lock(&chain[at]).await;
            if !unpack::is_unpacked(content, &chain[at]).await? {
                unpack::unpack(content, &layers[at], &diff_ids[at], parent, &chain[at]).await?;
            }
        }
        Ok(())
    }

    fn fetch_in_background(
        self: &Arc<Self>,
        content: &Content,
        client: &Arc<RegistryClient>,
        located: &Located,
        layer: &Descriptor,
        slots: &Arc<Semaphore>,
    ) -> AbortOnDropHandle<Result<(), Error>> {
        let (shared, content, client) = (self.clone(), content.clone(), client.clone());
        let (located, layer, slots) = (located.clone(), layer.clone(), slots.clone());
        AbortOnDropHandle::new(tokio::spawn(async move {
            let _slot = slots.acquire().await.map_err(|_| Error::Cancelled)?;
            // Another image may be bringing the same layer.
            let _lock = shared.layer_locks.lock(&layer.digest).await;
            let limits = shared.limits.on_disk(&shared.data_dir);
            layer::fetch(&content, &client, &located, &layer, limits).await
        }))
    }

    /// Records the image, so that containerd keeps what belongs to it. The archives of layers do not:
    /// once unpacked they are dead weight.
    async fn record(&self, located: &Located, resolved: &Resolved, chain_id: &str) -> Result<(), Error> {
        let target = types::Descriptor {
            media_type: resolved
                .manifest
                .media_type
                .clone()
                .unwrap_or_else(|| wire::oci::media_types::OCI_MANIFEST.to_string()),
            digest: resolved.manifest_digest.clone(),
            size: resolved.bytes.len() as i64,
            ..types::Descriptor::default()
        };
        // Named by digest: a tag that moves takes nothing away from those who run the old image.
        let name = format!("{}@{}", located.repository(), resolved.manifest_digest);
        let labels = [(CHAIN_LABEL.to_string(), chain_id.to_string())].into();
        let image = Image { name, labels, target: Some(target), ..Image::default() };
        let (connection, mut images) = (&self.connection, self.connection.client().images());
        let request = CreateImageRequest { image: Some(image.clone()), ..CreateImageRequest::default() };
        match images.create(connection.request(request)).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::AlreadyExists => {
                let request = UpdateImageRequest { image: Some(image), ..UpdateImageRequest::default() };
                let updated = images.update(connection.request(request)).await;
                updated.map(|_| ()).map_err(Error::containerd("recording the image"))
            }
            Err(status) => Err(Error::containerd("recording the image")(status)),
        }
    }
}

fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Malformed(format!("malformed {what}: {error}")))
}
