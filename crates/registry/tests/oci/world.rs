//! A registry with one repository, and how to ask it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use model::ecr::{Algorithm, TagMutability};
use model::id::SeededIds;
use model::{AccountId, Arn, Region, Scope, Timestamp};
use registry::tables::{Repository, tables};
use registry::{Caller, Config, Gate, NewRepository, Registry, SealKey, digest_of};
use serde_json::{Value, json};
use store::{Blobs, Schema, Store};

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const GRACE: Duration = Duration::from_secs(1000);

struct Gatekeeper;

impl Gate for Gatekeeper {
    fn allows(&self, caller: &Caller, _: &str, _: &Arn, _: Timestamp) -> bool {
        caller.principal.resource == "root"
    }
}

pub struct World {
    pub registry: Arc<Registry>,
    pub store: Store,
    pub blobs: Blobs,
    pub scope: Scope,
    pub now: Timestamp,
    pub token: String,
    directory: tempfile::TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of an error answer.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap().to_owned()
    }

    pub fn is(self, status: u16) -> Answer {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{body}");
        self
    }

    /// Fails unless the answer is that error.
    pub fn refuses(self, status: u16, code: &str) -> Answer {
        let answer = self.is(status);
        assert_eq!(answer.code(), code);
        answer
    }
}

impl World {
    /// A registry with the repository `team/web`.
    pub async fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::memory(tables(Schema::new())).await.unwrap();
        let blobs = Blobs::open(directory.path()).await.unwrap();
        let config = Config {
            seal: SealKey::new([7; 32]),
            ids: Box::new(SeededIds::new(1)),
            gate: Arc::new(Gatekeeper),
            grace: GRACE,
            vulnerabilities: None,
            mirrors: Default::default(),
            peers: Default::default(),
        };
        let registry = Arc::new(Registry::new(store.clone(), blobs.clone(), config));
        let scope = Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap());
        let now = Timestamp::EPOCH + std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let mut world = World { registry, store, blobs, scope, now, token: String::new(), directory };
        world.token = world.token_of("arn:aws:iam::123456789012:root", "us-east-2");
        world.create("team/web", TagMutability::default()).await;
        world
    }

    pub fn path(&self) -> &std::path::Path {
        self.directory.path()
    }

    pub fn token_of(&self, principal: &str, region: &str) -> String {
        let scope = Scope::new(self.scope.account.clone(), Region::new(region).unwrap());
        let caller = Caller { scope, principal: principal.parse().unwrap(), identity: None };
        self.registry.mint_token(&caller, self.now + registry::token::LIFETIME)
    }

    pub async fn create(&self, name: &str, mutability: TagMutability) -> Repository {
        let new = NewRepository { mutability, ..NewRepository::plain(name.parse().unwrap()) };
        self.registry.create_repository(&self.scope, new, self.now).await.unwrap()
    }

    pub fn repository(&self) -> Repository {
        Repository::clone(&self.registry.repository(&self.scope, &"team/web".parse().unwrap()).unwrap())
    }

    /// Asks with the root's token.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let basic = format!("Basic {}", STANDARD.encode(format!("AWS:{}", self.token)));
        let mut all = vec![(AUTHORIZATION.as_str(), basic.as_str())];
        all.extend(headers);
        self.send(method, path, &all, body).await
    }

    /// Asks with those headers and no others.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let (head, body) = self.registry.handle(request, self.now).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(head.headers["docker-distribution-api-version"], "registry/2.0");
        Answer { status: head.status, headers: head.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    /// Pushes a blob at once; answers its digest.
    pub async fn blob(&self, repository: &str, content: impl Into<Bytes>) -> String {
        let content = content.into();
        let digest = sha256(&content);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        self.ask("POST", &path, &[], content).await.is(201);
        digest
    }

    /// Pushes an image of one layer; answers its digest.
    pub async fn image(&self, repository: &str, tag: &str, layer: &str) -> String {
        let manifest = self.manifest(repository, layer).await;
        self.put(repository, tag, OCI_MANIFEST, &manifest)
            .await
            .is(201)
            .header("docker-content-digest")
            .to_owned()
    }

    /// The manifest of an image of one layer, whose blobs are pushed.
    pub async fn manifest(&self, repository: &str, layer: &str) -> Value {
        let config = self.blob(repository, "{}").await;
        let digest = self.blob(repository, layer.to_owned()).await;
        json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": layer.len()}],
        })
    }

    pub async fn put(&self, repository: &str, reference: &str, media_type: &str, manifest: &Value) -> Answer {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.ask("PUT", &path, &[("content-type", media_type)], manifest.to_string()).await
    }
}

pub fn sha256(content: &[u8]) -> String {
    digest_of(Algorithm::Sha256, content).to_string()
}

pub fn sha512(content: &[u8]) -> String {
    digest_of(Algorithm::Sha512, content).to_string()
}
