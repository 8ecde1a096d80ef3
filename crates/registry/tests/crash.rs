//! `kill -9` at random moments during pushes: what was acknowledged is whole, nothing else is
//! half visible, and the reaper leaves no orphan.
//!
//! The parent starts this test binary again with a directory in the environment. The child
//! pushes, prints each acknowledgement and reaps, until the parent kills it; then the parent
//! opens the directory, checks everything, empties it and starts the next child.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use base64::Engine as _;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use model::ecr::{Algorithm, Digest, RepositoryName};
use model::id::SeededIds;
use model::{AccountId, Arn, IdSource, Region, Scope, Timestamp};
use registry::tables::{Blob, Image, Link, Repository, Tag, tables};
use registry::{Caller, Config, Gate, NewRepository, Reference, Registry, SealKey, digest_of};
use serde_json::json;
use store::engine::EmbeddedEngine;
use store::{BlobName, Blobs, Schema, Store, key};

const DIRECTORY: &str = "LONGSHORE_REGISTRY_CRASH_DIRECTORY";
const SEED: &str = "LONGSHORE_REGISTRY_CRASH_SEED";
const PUSHERS: u64 = 4;
const KILLS: u64 = 200;
/// What a slow machine may spend; it then kills less often.
const BUDGET: Duration = Duration::from_secs(240);
/// How long a child may take to come up.
const START: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_secs(3600);
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

struct Everything;

impl Gate for Everything {
    fn allows(&self, _: &Caller, _: &str, _: &Arn, _: Timestamp) -> bool {
        true
    }
}

struct World {
    registry: Registry,
    store: Store,
    blobs: Blobs,
    scope: Scope,
    authorization: String,
}

fn now() -> Timestamp {
    Timestamp::EPOCH + UNIX_EPOCH.elapsed().expect("a clock after 1970")
}

fn name() -> RepositoryName {
    "team/web".parse().expect("a name")
}

impl World {
    async fn open(directory: &Path, seed: u64) -> World {
        let state = directory.join("state");
        let engine = loop {
            match EmbeddedEngine::open(&state).await {
                // The engine of the check before lets go a moment after it was dropped.
                Err(store::Error::Locked { .. }) => tokio::time::sleep(Duration::from_millis(2)).await,
                opened => break opened.expect("the engine opens after any crash"),
            }
        };
        let store = Store::open(Arc::new(engine), tables(Schema::new())).await.expect("the tables load");
        let blobs = Blobs::open(directory).await.expect("the blob store opens");
        let config = Config {
            seal: SealKey::new([7; 32]),
            ids: Box::new(SeededIds::new(seed)),
            gate: Arc::new(Everything),
            grace: GRACE,
            vulnerabilities: None,
            mirrors: Default::default(),
            peers: Default::default(),
        };
        let registry = Registry::new(store.clone(), blobs.clone(), config);
        let account = AccountId::new("123456789012").expect("an account");
        let scope = Scope::new(account, Region::new("us-east-2").expect("a region"));
        let principal = "arn:aws:iam::123456789012:root".parse().expect("an ARN");
        let token =
            registry.mint_token(&Caller { scope: scope.clone(), principal, identity: None }, now() + GRACE);
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("AWS:{token}"));
        World { registry, store, blobs, scope, authorization: format!("Basic {basic}") }
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> http::Response<Bytes> {
        let mut request =
            Request::builder().method(method).uri(path).header("authorization", &self.authorization);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).expect("a request");
        let (head, body) = self.registry.handle(request, now()).await.into_parts();
        http::Response::from_parts(head, body.collect().await.expect("a whole answer").to_bytes())
    }

    /// Pushes a blob in two chunks.
    async fn blob(&self, content: Bytes) -> Digest {
        let digest = digest_of(Algorithm::Sha256, &content);
        let begun = self.ask("POST", "/v2/team/web/blobs/uploads/", &[], Bytes::new()).await;
        let location = begun.headers()["location"].to_str().expect("text").to_owned();
        let middle = content.len() / 2;
        self.ask("PATCH", &location, &[], content.slice(..middle)).await;
        let done =
            self.ask("PUT", &format!("{location}?digest={digest}"), &[], content.slice(middle..)).await;
        assert_eq!(done.status(), 201);
        digest
    }

    /// Pushes image after image, printing what was acknowledged.
    async fn push(&self, pusher: u64, seed: u64) {
        let mut random = SeededIds::new(seed.wrapping_mul(31).wrapping_add(pusher));
        for number in 0.. {
            let config = self.blob(Bytes::from_static(b"{}")).await;
            let mut content = vec![0; (random.next_u64() % 60_000) as usize];
            random.fill(&mut content);
            let size = content.len();
            let layer = self.blob(content.into()).await;
            let manifest = json!({
                "schemaVersion": 2, "mediaType": MANIFEST,
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": size}],
            });
            let path = format!("/v2/team/web/manifests/t{pusher}-{number}");
            let done =
                self.ask("PUT", &path, &[("content-type", MANIFEST)], manifest.to_string().into()).await;
            assert_eq!(done.status(), 201);
            println!(
                "ack t{pusher}-{number} {}",
                done.headers()["docker-content-digest"].to_str().expect("text")
            );
        }
    }

    async fn create(&self) {
        let new = NewRepository::plain(name());
        self.registry.create_repository(&self.scope, new, now()).await.expect("the name is free");
    }

    /// Whether everything that is visible is whole, and everything acknowledged is visible.
    async fn check(&self, acknowledged: &[(String, Digest)]) {
        let snapshot = self.store.snapshot();
        for blob in snapshot.all::<Blob>(&key![]) {
            let object = BlobName::new(blob.object.as_str()).expect("a name");
            let bytes = self.blobs.get(&object).await.expect("no blob without its object");
            assert_eq!(digest_of(Algorithm::Sha256, &bytes), blob.digest, "no blob without its digest");
            assert_eq!(bytes.len() as u64, blob.size);
        }
        for image in snapshot.all::<Image>(&key![]) {
            for digest in image.blobs.iter().chain([&image.digest]) {
                let link = snapshot.get::<Link>(&key![image.repository, digest.as_str()]);
                assert!(link.is_some(), "no manifest with a missing blob");
                assert!(snapshot.get::<Blob>(&key![digest.as_str()]).is_some());
            }
        }
        for tag in snapshot.all::<Tag>(&key![]) {
            assert!(snapshot.get::<Image>(&key![tag.repository, tag.digest.as_str()]).is_some());
        }
        let repository = self.registry.repository(&self.scope, &name()).expect("the repository stays");
        for (tag, digest) in acknowledged {
            let reference = Reference::Tag(tag.parse().expect("a tag"));
            let image = self.registry.image(&repository, &reference).expect("what was acknowledged stays");
            assert_eq!(image.digest, *digest);
        }
    }

    /// Deletes the repository and reaps; nothing may be left.
    async fn empty(&self, directory: &Path) {
        self.registry.delete_repository(&self.scope, &name(), true, now()).await.expect("it is there");
        self.registry.reap(now() + GRACE * 2).await.expect("the reaper runs");
        let snapshot = self.store.snapshot();
        let rows = snapshot.count::<Repository>(&key![])
            + snapshot.count::<Image>(&key![])
            + snapshot.count::<Tag>(&key![])
            + snapshot.count::<Link>(&key![])
            + snapshot.count::<Blob>(&key![]);
        assert_eq!(rows, 0, "no orphaned row");
        assert!(self.blobs.list("", None, 1).await.expect("a list").is_empty(), "no orphaned object");
        let uploads = std::fs::read_dir(directory.join("uploads")).expect("a folder").count();
        assert_eq!(uploads, 0, "no orphaned upload");
    }
}

/// The child. Without the environment variables it is an empty test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_pushes_until_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let seed: u64 = std::env::var(SEED).expect("a seed").parse().expect("a number");
    let world = World::open(Path::new(&directory), seed).await;
    println!("up");
    let pushers = futures_util::future::join_all((0..PUSHERS).map(|pusher| world.push(pusher, seed)));
    let reaper = async {
        loop {
            world.registry.reap(now()).await.expect("the reaper runs beside pushes");
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(pushers, reaper);
}

/// When a child is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after its start, maybe before it has opened its stores.
    Start(Duration),
    /// So long after it began to push.
    Push(Duration),
}

impl Moment {
    fn of(seed: u64) -> Self {
        let mut random = SeededIds::new(seed);
        match random.next_u64() % 10 {
            0 => Moment::Start(Duration::from_millis(random.next_u64() % 40)),
            _ => Moment::Push(Duration::from_micros(random.next_u64() % 250_000)),
        }
    }
}

/// Runs a child, kills it at that moment, and answers what it acknowledged.
fn run_and_kill(directory: &Path, seed: u64, moment: Moment) -> Vec<(String, Digest)> {
    let mut child = Command::new(std::env::current_exe().expect("this binary has a path"))
        .args(["--exact", "child_pushes_until_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let output = child.stdout.take().expect("its output is piped");
    let (up, is_up) = std::sync::mpsc::channel();
    let killer = std::thread::spawn(move || {
        let life = match moment {
            Moment::Start(life) => life,
            Moment::Push(life) => {
                is_up.recv_timeout(START).expect("the child comes up");
                life
            }
        };
        // The moment of the kill is the point: there is no condition to wait for.
        #[allow(clippy::disallowed_methods)]
        std::thread::sleep(life);
        child.kill().expect("SIGKILL reaches the child");
        child.wait().expect("the child is reaped");
    });
    let mut acknowledged = Vec::new();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if line.ends_with("up") {
            up.send(()).ok();
        }
        // The harness prints on the same line as the first output; a torn line is none.
        let Some((_, ack)) = line.split_once("ack ") else { continue };
        if let Some((tag, digest)) = ack.split_once(' ')
            && let Ok(digest) = digest.parse()
        {
            acknowledged.push((tag.to_owned(), digest));
        }
    }
    killer.join().expect("the killer ends");
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_survive_kills() {
    if std::env::var_os(DIRECTORY).is_some() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let start = Instant::now();
    let first_seed = UNIX_EPOCH.elapsed().expect("a clock after 1970").as_nanos() as u64;
    let mut total = 0;
    let mut kills = 0;
    World::open(path, first_seed).await.create().await;
    while kills < KILLS && start.elapsed() < BUDGET {
        let seed = first_seed.wrapping_add(kills);
        let moment = Moment::of(seed);
        println!("kill {kills}, seed {seed}, {moment:?}");
        let acknowledged = run_and_kill(path, seed, moment);
        total += acknowledged.len();
        let world = World::open(path, seed ^ u64::MAX).await;
        world.check(&acknowledged).await;
        world.empty(path).await;
        world.create().await;
        kills += 1;
    }
    println!("{kills} kills, {total} acknowledged pushes in {:?}", start.elapsed());
    assert!(kills > 20 && total > 0, "{kills} kills, {total} acknowledged pushes");
}
