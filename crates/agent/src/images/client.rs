//! Talking to registries, with their answers sorted into what a pull can do about them.

use std::collections::BTreeMap;
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use oci_client::client::{BlobResponse, Client, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use parking_lot::Mutex;
use wire::oci::{Descriptor, MediaType};

use super::error::Error;
use super::plain::{Answered, Plain};
use super::reference::Located;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A registry that sends nothing for so long is given up for this attempt.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Clients kept, each with its connections and tokens.
const CLIENT_LIMIT: usize = 64;

type Login = Option<(String, String)>;

/// The clients in use. One per registry and login: a task never profits from another's rights.
#[derive(Default)]
pub(super) struct Clients {
    cache: Mutex<BTreeMap<(String, Login), Arc<RegistryClient>>>,
    plain: Plain,
}

/// A signed-in client of one registry.
pub(super) struct RegistryClient {
    /// For registries without TLS; the general client is made only when this one does not do.
    plain: Option<Plain>,
    login: Login,
    general: OnceLock<Client>,
}

/// Bytes of a blob from some offset on.
pub(super) struct BlobStream {
    /// Where they begin: the offset asked for, or 0 when the registry knows no ranges.
    pub(super) offset: u64,
    /// The bytes.
    pub(super) chunks: BoxStream<'static, std::io::Result<Bytes>>,
}

impl Clients {
    /// The client for an image's registry.
    pub(super) fn get(&self, located: &Located, login: &Login) -> Arc<RegistryClient> {
        let key = (located.reference.registry().to_string(), login.clone());
        let mut cache = self.cache.lock();
        if let Some(client) = cache.get(&key) {
            return client.clone();
        }
        if cache.len() >= CLIENT_LIMIT {
            cache.clear();
        }
        let client = Arc::new(RegistryClient::new(located.plain_http.then(|| self.plain.clone()), login));
        cache.insert(key, client.clone());
        client
    }
}

impl RegistryClient {
    fn new(plain: Option<Plain>, login: &Login) -> RegistryClient {
        RegistryClient { plain, login: login.clone(), general: OnceLock::new() }
    }

    fn general(&self) -> &Client {
        self.general.get_or_init(|| {
            static PROVIDER: Once = Once::new();
            // Fails only when the binary has installed one already, which serves as well.
            PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
            Client::new(ClientConfig {
                protocol: if self.plain.is_some() { ClientProtocol::Http } else { ClientProtocol::Https },
                connect_timeout: Some(CONNECT_TIMEOUT),
                read_timeout: Some(READ_TIMEOUT),
                user_agent: concat!("longshore/", env!("CARGO_PKG_VERSION")),
                ..ClientConfig::default()
            })
        })
    }

    fn auth(&self) -> RegistryAuth {
        match &self.login {
            Some((user, password)) => RegistryAuth::Basic(user.clone(), password.clone()),
            None => RegistryAuth::Anonymous,
        }
    }

    /// A manifest or an index of at most `limit` bytes.
    pub(super) async fn manifest(&self, located: &Located, limit: u64) -> Result<Bytes, Error> {
        if let Some(plain) = &self.plain
            && let Answered::Found(bytes) = plain.manifest(located, self.login.as_ref(), limit).await?
        {
            return Ok(bytes);
        }
        let kinds = [
            MediaType::OciManifest.as_str(),
            MediaType::DockerManifest.as_str(),
            MediaType::OciIndex.as_str(),
            MediaType::DockerList.as_str(),
        ];
        let found = self.general().pull_manifest_raw(&located.reference, &self.auth(), &kinds).await;
        let (bytes, _) = found.map_err(|error| sort(error, located))?;
        if bytes.len() as u64 > limit {
            return Err(Error::Malformed(format!("a manifest of {} bytes", bytes.len())));
        }
        Ok(bytes)
    }

    /// A blob's bytes from `offset` on.
    pub(super) async fn blob(
        &self,
        located: &Located,
        blob: &Descriptor,
        offset: u64,
    ) -> Result<BlobStream, Error> {
        if let Some(plain) = &self.plain
            && let Answered::Found(stream) =
                plain.blob(located, self.login.as_ref(), &blob.digest, offset).await?
        {
            return Ok(stream);
        }
        let descriptor = OciDescriptor {
            digest: blob.digest.clone(),
            size: blob.size,
            media_type: blob.media_type.clone(),
            urls: Some(blob.urls.clone()).filter(|urls| !urls.is_empty()),
            ..OciDescriptor::default()
        };
        let registry = located.reference.resolve_registry();
        self.general().store_auth_if_needed(registry, &self.auth()).await;
        if offset == 0 {
            let stream = self.general().pull_blob_stream(&located.reference, &descriptor).await;
            let stream = stream.map_err(|error| sort(error, located))?;
            return Ok(BlobStream { offset: 0, chunks: stream.stream });
        }
        let answer =
            self.general().pull_blob_stream_partial(&located.reference, &descriptor, offset, None).await;
        Ok(match answer.map_err(|error| sort(error, located))? {
            BlobResponse::Full(stream) => BlobStream { offset: 0, chunks: stream.stream },
            BlobResponse::Partial(stream) => BlobStream { offset, chunks: stream.stream },
        })
    }
}

/// Says what an answer means for the pull.
fn sort(error: OciDistributionError, located: &Located) -> Error {
    let not_found = || Error::NotFound { shown: located.shown.clone() };
    match error {
        OciDistributionError::ImageManifestNotFoundError(_) => not_found(),
        OciDistributionError::RegistryError { envelope, url } => {
            match envelope.errors.first().map(|e| &e.code) {
                Some(OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound) => {
                    not_found()
                }
                Some(OciErrorCode::BlobUnknown) => {
                    Error::Malformed(format!("{url}: blob unknown to registry"))
                }
                Some(OciErrorCode::Unauthorized | OciErrorCode::Denied) => {
                    Error::Denied { message: messages(&envelope.errors) }
                }
                _ => Error::Registry(format!("unexpected answer from {url}: {}", messages(&envelope.errors))),
            }
        }
        OciDistributionError::ServerError { code: 404, .. } => not_found(),
        OciDistributionError::ServerError { code: 401 | 403, message, .. } => Error::Denied { message },
        OciDistributionError::ServerError { code, url, .. } => {
            Error::Registry(format!("unexpected status code {url}: {code}"))
        }
        OciDistributionError::UnauthorizedError { .. } => {
            Error::Denied { message: "insufficient_scope: authorization failed".into() }
        }
        OciDistributionError::AuthenticationFailure(message) => Error::Denied { message },
        OciDistributionError::RequestError(error) => {
            Error::Registry(format!("failed to do request: {}", crate::task::error_chain(&error)))
        }
        OciDistributionError::IoError(error) => Error::Registry(error.to_string()),
        other => Error::Malformed(other.to_string()),
    }
}

fn messages(errors: &[oci_client::errors::OciError]) -> String {
    errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ")
}
