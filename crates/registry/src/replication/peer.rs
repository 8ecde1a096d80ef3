//! Copies in the registry of another Longshore, by its API and the distribution protocol.
//!
//! The operator says where the account of a destination is and with which access key; that key needs
//! what any pusher needs there, and `ecr:CreateRepository` and `ecr:BatchDeleteImage`. The repository
//! at the peer is created with the defaults of CreateRepository: the templates of the peer are its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Once};
use std::time::Duration;

use auth::AccessKey;
use auth::sigv4::{Message, Signer, sign, stamp};
use model::ecr::{Digest, RepositoryName};
use model::{AccountId, Timestamp};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Body, Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::{Destination, MAX_DEPTH, Withdrawn};
use crate::Registry;
use crate::error::Error;
use crate::images::Reference;
use crate::tables::{Image, Repository};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that sends nothing for so long is given up, until the next try.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const JSON: &str = "application/x-amz-json-1.1";

static PROVIDER: Once = Once::new();

/// Another Longshore.
#[derive(Clone, Debug)]
pub struct PeerConfig {
    /// Where its API is: `http://host:port`, without a path.
    pub url: String,
    /// The key that our requests are signed with.
    pub key: AccessKey,
}

/// The Longshores that copies may go to, by account.
#[derive(Clone, Debug)]
pub struct Peers {
    known: Arc<BTreeMap<AccountId, PeerConfig>>,
    http: Client,
}

impl Peers {
    /// The way to these peers.
    pub fn new(known: BTreeMap<AccountId, PeerConfig>) -> Self {
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let http = Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build();
        Peers { known: Arc::new(known), http: http.expect("the TLS provider is installed") }
    }

    /// Whether the account is a peer's.
    pub fn knows(&self, account: &AccountId) -> bool {
        self.known.contains_key(account)
    }

    /// Logs in to the registry of a destination.
    async fn session<'a>(&'a self, to: &'a Destination, now: Timestamp) -> Result<Session<'a>, Error> {
        let peer = to.registry.as_ref().and_then(|registry| self.known.get(registry));
        let peer = peer.ok_or_else(|| Error::PeerUnknown(to.to_string()))?;
        let mut session = Session { http: &self.http, peer, region: to.region.as_str(), now, login: None };
        let given = session.call("GetAuthorizationToken", &json!({})).await?;
        let token = given["authorizationData"][0]["authorizationToken"].as_str();
        session.login = Some(format!("Basic {}", token.unwrap_or_default()));
        Ok(session)
    }
}

/// A login at one region of a peer.
struct Session<'a> {
    http: &'a Client,
    peer: &'a PeerConfig,
    region: &'a str,
    now: Timestamp,
    login: Option<String>,
}

impl Session<'_> {
    /// Calls an operation of its ECR API.
    async fn call(&self, operation: &str, input: &Value) -> Result<Value, Error> {
        let url = self.peer.url.as_str();
        let host = url.split_once("://").map_or(url, |(_, host)| host);
        let (target, body) = (format!("AmazonEC2ContainerRegistry_V20150921.{operation}"), input.to_string());
        let date = stamp(self.now);
        let headers =
            [("content-type", JSON), ("host", host), ("x-amz-date", &date), ("x-amz-target", &target)];
        let message = Message { method: "POST", path: "/", query: "", headers: &headers };
        let (key, region) = (self.peer.key.clone(), self.region.to_owned());
        let signer = Signer { key, region, service: "ecr".to_owned() };
        let signature = sign(&signer, &message, body.as_bytes(), self.now);
        let mut request = self.http.post(format!("{url}/")).header(AUTHORIZATION, signature);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = judged(request.body(body).send().await).await?;
        let bytes = answer.bytes().await.map_err(|error| Error::Upstream(Box::new(error)))?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Upstream(Box::new(error)))
    }

    /// Makes the repository, unless it is there.
    async fn make(&self, name: &RepositoryName) -> Result<(), Error> {
        match self.call("CreateRepository", &json!({"repositoryName": name.as_str()})).await {
            Err(Error::PeerRefused { code, .. }) if code == "RepositoryAlreadyExistsException" => Ok(()),
            other => other.map(|_| ()),
        }
    }

    fn request(&self, method: Method, address: &str) -> reqwest::RequestBuilder {
        let address =
            if address.starts_with('/') { format!("{}{address}", self.peer.url) } else { address.to_owned() };
        let request = self.http.request(method, address);
        match &self.login {
            Some(login) => request.header(AUTHORIZATION, login),
            None => request,
        }
    }

    async fn has(&self, path: &str) -> Result<bool, Error> {
        match judged(self.request(Method::HEAD, path).send().await).await {
            Ok(_) => Ok(true),
            Err(Error::PeerRefused { status: StatusCode::NOT_FOUND, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends a blob, unless it is there.
    async fn send_blob(
        &self,
        registry: &Registry,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<(), Error> {
        if self.has(&format!("/v2/{name}/blobs/{digest}")).await? {
            return Ok(());
        }
        let begun = self.request(Method::POST, &format!("/v2/{name}/blobs/uploads/")).send().await;
        let begun = judged(begun).await?;
        let place = begun.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let joint = if place.contains('?') { '&' } else { '?' };
        let place = format!("{place}{joint}digest={}", crate::http::encoded(digest.as_str()));
        let blob = registry.blob(digest)?;
        let bytes = registry.content.stream(&blob.object, 0..blob.size)?;
        let request = self.request(Method::PUT, &place).header(CONTENT_LENGTH, blob.size);
        judged(request.body(Body::wrap_stream(bytes)).send().await).await.map(|_| ())
    }
}

impl Registry {
    pub(super) async fn copy_far(
        &self,
        source: &Repository,
        digest: &Digest,
        to: &Destination,
        now: Timestamp,
    ) -> Result<(), Error> {
        let image = self.image(source, &Reference::Digest(digest.clone()))?;
        let session = self.peers.session(to, now).await?;
        session.make(&source.name).await?;
        self.send(source, &image, &session, 0).await
    }

    /// Sends an image with all that it refers to, the image last.
    async fn send(
        &self,
        source: &Repository,
        image: &Image,
        to: &Session<'_>,
        depth: usize,
    ) -> Result<(), Error> {
        for blob in &image.blobs {
            to.send_blob(self, &source.name, blob).await?;
        }
        for child in &image.manifests {
            if depth < MAX_DEPTH && !to.has(&format!("/v2/{}/manifests/{child}", source.name)).await? {
                let child = self.image(source, &Reference::Digest(child.clone()))?;
                Box::pin(self.send(source, &child, to, depth + 1)).await?;
            }
        }
        let tags: Vec<String> = self.tags_now(source, image).iter().map(|tag| format!("tag={tag}")).collect();
        let joint = if tags.is_empty() { "" } else { "?" };
        let path = format!("/v2/{}/manifests/{}{joint}{}", source.name, image.digest, tags.join("&"));
        let manifest = self.manifest(image).await?;
        let request = to.request(Method::PUT, &path).header(CONTENT_TYPE, &image.media_type);
        judged(request.body(manifest).send().await).await.map(|_| ())
    }

    pub(super) async fn withdraw_far(
        &self,
        source: &Repository,
        what: &Withdrawn,
        to: &Destination,
        now: Timestamp,
    ) -> Result<(), Error> {
        let session = self.peers.session(to, now).await?;
        let id = match what {
            Withdrawn::Tag(tag) => json!({"imageTag": tag.as_str()}),
            Withdrawn::Image(digest) => json!({"imageDigest": digest.as_str()}),
        };
        let input = json!({"repositoryName": source.name.as_str(), "imageIds": [id]});
        match session.call("BatchDeleteImage", &input).await {
            Err(Error::PeerRefused { code, .. }) if code == "RepositoryNotFoundException" => Ok(()),
            other => other.map(|_| ()),
        }
    }
}

/// An answer that is good; a peer that is out of order is another failure than one that refuses.
async fn judged(answer: reqwest::Result<Response>) -> Result<Response, Error> {
    let answer = answer.map_err(|error| Error::Upstream(Box::new(error)))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Error::Upstream(format!("it answered {status}").into()));
    }
    let text = answer.text().await.unwrap_or_default();
    let said: Value = serde_json::from_str(&text).unwrap_or_default();
    let code = said["__type"].as_str().or_else(|| said["errors"][0]["code"].as_str());
    let message = said["message"].as_str().or_else(|| said["errors"][0]["message"].as_str());
    Err(Error::PeerRefused {
        status,
        code: code.unwrap_or_default().to_owned(),
        message: message.unwrap_or(&text).chars().take(500).collect(),
    })
}
