//! The client side of the distribution protocol: manifests and blobs of other registries, anonymous.
//!
//! Registries that want a token say where it is to be had (`WWW-Authenticate: Bearer`); one is
//! asked for with each manifest. An operator's mirror stands in for a host where there is one.

use std::collections::BTreeMap;
use std::sync::Once;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use model::ecr::Digest;
use parking_lot::Mutex;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use wire::oci::MediaType;

use crate::error::Error;
use crate::manifest::MAX_MANIFEST_BYTES;
use crate::uploads::Incoming;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A registry that sends nothing for so long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The largest answer of a token service.
const MAX_TOKEN_BYTES: usize = 1 << 20;

static PROVIDER: Once = Once::new();

/// The way to other registries.
#[derive(Clone, Debug)]
pub(crate) struct Upstreams {
    http: Client,
    mirrors: BTreeMap<String, String>,
}

impl Upstreams {
    /// `mirrors` says, by host, which base address is asked instead.
    pub(crate) fn new(mirrors: BTreeMap<String, String>) -> Self {
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let http = Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build();
        Upstreams { http: http.expect("the TLS provider is installed"), mirrors }
    }

    /// The repository `name` at `host`.
    pub(super) fn at(&self, host: &str, name: &str) -> Upstream<'_> {
        let base = self.mirrors.get(host).cloned().unwrap_or_else(|| format!("https://{host}"));
        Upstream { http: &self.http, base, name: name.to_owned(), token: Mutex::new(None) }
    }
}

/// A repository of another registry.
pub(super) struct Upstream<'a> {
    http: &'a Client,
    base: String,
    name: String,
    token: Mutex<Option<String>>,
}

impl Upstream<'_> {
    /// Asks whether a registry is there.
    pub(super) async fn greet(&self) -> Result<(), Error> {
        self.get("/v2/", "*/*").await.map(|_| ())
    }

    /// A manifest: its media type and bytes.
    pub(super) async fn manifest(&self, reference: &str) -> Result<(String, Bytes), Error> {
        let kinds =
            [MediaType::OciIndex, MediaType::DockerList, MediaType::OciManifest, MediaType::DockerManifest];
        let accept = kinds.map(MediaType::as_str).join(", ");
        let answer = self.get(&format!("/v2/{}/manifests/{reference}", self.name), &accept).await?;
        let media_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_owned();
        Ok((media_type, whole(answer, MAX_MANIFEST_BYTES).await?))
    }

    /// The bytes of a blob, as they arrive.
    pub(super) async fn blob(&self, digest: &Digest) -> Result<Incoming, Error> {
        let answer = self.get(&format!("/v2/{}/blobs/{digest}", self.name), "*/*").await?;
        Ok(answer.bytes_stream().map(|part| part.map_err(failed)).boxed())
    }

    async fn get(&self, path: &str, accept: &str) -> Result<Response, Error> {
        let mut answer = self.send(path, accept).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let challenge = answer.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
            let challenge =
                challenge.and_then(Challenge::read).ok_or_else(|| refused(StatusCode::UNAUTHORIZED))?;
            *self.token.lock() = Some(self.ask_token(&challenge).await?);
            answer = self.send(path, accept).await?;
        }
        if answer.status().is_success() { Ok(answer) } else { Err(refused(answer.status())) }
    }

    async fn send(&self, path: &str, accept: &str) -> Result<Response, Error> {
        let mut request = self.http.get(format!("{}{path}", self.base)).header(ACCEPT, accept);
        let token = self.token.lock().clone();
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request.send().await.map_err(failed)
    }

    async fn ask_token(&self, challenge: &Challenge) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(alias = "access_token")]
            token: String,
        }
        let query: Vec<(&str, &str)> = [("service", &challenge.service), ("scope", &challenge.scope)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .collect();
        let encoded: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", crate::http::encoded(value))).collect();
        let joint = if challenge.realm.contains('?') { '&' } else { '?' };
        let address = format!("{}{joint}{}", challenge.realm, encoded.join("&"));
        let answer = self.http.get(address).send().await.map_err(failed)?;
        if !answer.status().is_success() {
            return Err(refused(answer.status()));
        }
        let bytes = whole(answer, MAX_TOKEN_BYTES).await?;
        let answer: Answer =
            serde_json::from_slice(&bytes).map_err(|error| Error::Upstream(Box::new(error)))?;
        Ok(answer.token)
    }
}

/// Where a registry says that tokens are to be had.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

impl Challenge {
    /// Reads `Bearer realm="…",service="…",scope="…"`.
    fn read(header: &str) -> Option<Self> {
        let rest =
            header.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer ")).map(|_| &header[7..])?;
        // Values are quoted and hold commas, names and values alternate between the quotes.
        let mut parts = rest.split('"');
        let (mut realm, mut service, mut scope) = (None, None, None);
        while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            let value = Some(value.to_owned());
            match name.trim_matches([',', ' ', '=']) {
                "realm" => realm = value,
                "service" => service = value,
                "scope" => scope = value,
                _ => {}
            }
        }
        Some(Challenge { realm: realm?, service, scope })
    }
}

async fn whole(answer: Response, limit: usize) -> Result<Bytes, Error> {
    let (mut bytes, mut parts) = (BytesMut::new(), answer.bytes_stream());
    while let Some(part) = parts.next().await {
        bytes.extend_from_slice(&part.map_err(failed)?);
        if bytes.len() > limit {
            return Err(Error::ManifestTooLarge(limit));
        }
    }
    Ok(bytes.freeze())
}

fn failed(error: reqwest::Error) -> Error {
    Error::Upstream(Box::new(error))
}

fn refused(status: StatusCode) -> Error {
    Error::Upstream(format!("it answered {status}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let text = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let expected = Challenge {
            realm: "https://auth.docker.io/token".into(),
            service: Some("registry.docker.io".into()),
            scope: Some("repository:a/b:pull,push".into()),
        };
        assert_eq!(Challenge::read(text), Some(expected));
        assert_eq!(Challenge::read("Basic realm=\"x\""), None);
        assert_eq!(Challenge::read("Bearer"), None);
    }
}
