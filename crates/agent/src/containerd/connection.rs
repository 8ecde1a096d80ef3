//! The way to containerd's API: one channel, our namespace on every request.
//!
//! The channel reconnects by itself when the daemon comes back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use containerd_client::Client;
use containerd_client::services::v1::PluginsRequest;
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;

use super::Error;
use crate::config::CONTAINERD_NAMESPACE;

/// How long the daemon may take to answer whether it lives.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection; clones share the channel.
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    address: PathBuf,
    version: String,
    snapshotter: String,
}

impl Connection {
    /// Connects, retrying until `timeout`, and finds the snapshotter to use.
    pub async fn open(
        address: &Path,
        snapshotter: Option<&str>,
        timeout: Duration,
    ) -> Result<Connection, Error> {
        let silent = || Error::Silent { address: address.to_path_buf() };
        let (client, version) =
            tokio::time::timeout(timeout, Self::retry(address)).await.map_err(|_elapsed| silent())?;
        let snapshotter = match snapshotter {
            Some(name) => name.to_string(),
            None => find_snapshotter(&client).await?,
        };
        let inner = Inner { client, address: address.to_path_buf(), version, snapshotter };
        Ok(Connection { inner: Arc::new(inner) })
    }

    async fn retry(address: &Path) -> (Client, String) {
        loop {
            if let Some(answer) = probe(address).await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The generated clients. Their requests must be made by [`Connection::request`].
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// Wraps a message with our namespace.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request
            .metadata_mut()
            .insert("containerd-namespace", AsciiMetadataValue::from_static(CONTAINERD_NAMESPACE));
        request
    }

    /// Wraps a message with our namespace and a lease that keeps what it creates.
    pub fn leased_request<T>(&self, message: T, lease: &str) -> Request<T> {
        let mut request = self.request(message);
        if let Ok(value) = lease.parse() {
            request.metadata_mut().insert("containerd-lease", value);
        }
        request
    }

    /// The daemon's version, such as `1.6.20`.
    pub fn version(&self) -> &str {
        &self.inner.version
    }

    /// The daemon's socket.
    pub fn address(&self) -> &Path {
        &self.inner.address
    }

    /// The snapshotter that images are unpacked for.
    pub fn snapshotter(&self) -> &str {
        &self.inner.snapshotter
    }
}

/// Whether a daemon answers at `address`, and as which version.
pub(super) async fn probe(address: &Path) -> Option<(Client, String)> {
    let ask = async {
        let client = Client::from_path(address).await.ok()?;
        let version = client.version().version(Request::new(())).await.ok()?.into_inner().version;
        Some((client, version))
    };
    tokio::time::timeout(PROBE_TIMEOUT, ask).await.ok().flatten()
}

async fn find_snapshotter(client: &Client) -> Result<String, Error> {
    let request = Request::new(PluginsRequest { filters: vec!["type==io.containerd.snapshotter.v1".into()] });
    let plugins = client
        .introspection()
        .plugins(request)
        .await
        .map_err(Error::request("list its snapshotters"))?
        .into_inner()
        .plugins;
    let works = |name: &&str| plugins.iter().any(|p| p.id == *name && p.init_err.is_none());
    ["overlayfs", "native"]
        .iter()
        .find(|name| works(name))
        .map(ToString::to_string)
        .ok_or(Error::NoSnapshotter)
}
