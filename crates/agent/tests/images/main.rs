//! Pulls from a tiny registry into a containerd of the test's own. They need root and containerd, as the
//! product does.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod registry;

use std::io::Write;

use agent::AgentConfig;
use agent::containerd::Containerd;
use agent::images::{Images, Limits};
use agent::task::ports::ImageSource;
use containerd_client::services::v1::snapshots::ListSnapshotsRequest;
use containerd_client::services::v1::{ListContentRequest, ListImagesRequest};
use registry::{Registry, digest};
use serde_json::{Value, json};

const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";

struct World {
    registry: Registry,
    containerd: Option<Containerd>,
    images: Images,
    dir: tempfile::TempDir,
}

impl World {
    async fn start(limits: Limits) -> World {
        let dir = tempfile::Builder::new().prefix("images-").tempdir().unwrap();
        let mut config =
            AgentConfig::new(dir.path().join("data"), "0123456789abcdef0123456789abcdef", "127.0.0.1:1");
        config.run_dir = Some(dir.path().join("run"));
        let containerd = Containerd::start(&config).await.unwrap();
        let images = Images::with_limits(&config, containerd.connection().clone(), limits);
        World { registry: Registry::start().await, containerd: Some(containerd), images, dir }
    }

    fn containerd(&self) -> &Containerd {
        self.containerd.as_ref().unwrap()
    }

    async fn pull(&self, name: &str) -> Result<String, String> {
        let reference = format!("{}/{name}", self.registry.address);
        self.images.pull(&reference, None).await.map(|image| image.chain_id)
    }

    /// How much of everything containerd holds.
    async fn inventory(&self) -> (Vec<String>, Vec<String>, Vec<String>) {
        let connection = self.containerd().connection();
        let client = connection.client();
        let snapshotter = connection.snapshotter().to_string();
        let request = ListSnapshotsRequest { snapshotter, ..Default::default() };
        let mut stream = client.snapshots().list(connection.request(request)).await.unwrap().into_inner();
        let mut snapshots = Vec::new();
        while let Some(page) = stream.message().await.unwrap() {
            snapshots.extend(page.info.into_iter().map(|info| info.name));
        }
        let request = connection.request(ListContentRequest::default());
        let mut stream = client.content().list(request).await.unwrap().into_inner();
        let mut contents = Vec::new();
        while let Some(page) = stream.message().await.unwrap() {
            contents.extend(page.info.into_iter().map(|info| info.digest));
        }
        let images = client.images().list(connection.request(ListImagesRequest::default())).await.unwrap();
        let images = images.into_inner().images.into_iter().map(|image| image.name).collect();
        (snapshots, contents, images)
    }

    async fn end(mut self) {
        self.containerd.take().unwrap().stop().await;
        drop(self.dir);
    }
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, data) in files {
        let mut header = tar::Header::new_gnu();
        // Written past the builder's own checks: a test needs bad names too.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *data).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Adds an image of these layers: media type and archive.
fn image(registry: &Registry, repository: &str, tag: &str, layers: &[(&str, Vec<u8>)]) -> Value {
    let diff_ids: Vec<_> = layers.iter().map(|(_, archive)| digest(archive)).collect();
    let config = json!({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/true"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = registry.blob(
        repository,
        "application/vnd.oci.image.config.v1+json",
        config.to_string().into_bytes(),
    );
    let layers: Vec<_> = layers
        .iter()
        .map(|(kind, archive)| {
            let bytes = match *kind {
                GZIP => gzip(archive),
                ZSTD => zstd::encode_all(&archive[..], 1).unwrap(),
                _ => archive.clone(),
            };
            registry.blob(repository, kind, bytes)
        })
        .collect();
    let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config, "layers": layers});
    registry.manifest(repository, tag, &manifest)
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_fetched_once_and_unpacked() {
    let world = World::start(Limits::default()).await;
    let registry = &world.registry;
    let big = noise(3 << 20);
    let layers = [
        (GZIP, archive(&[("etc/one", b"1"), ("big", &big)])),
        (ZSTD, archive(&[("etc/two", b"2"), ("etc/.wh.one", b"")])),
        (PLAIN, archive(&[("etc/three", b"3")])),
    ];
    let entry = image(registry, "team/app", "plain", &layers);
    let mut ours = entry.clone();
    ours["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let mut others = entry.clone();
    others["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
    others["platform"] = json!({"os": "linux", "architecture": "s390x"});
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [others, ours]});
    let index = registry.manifest("team/app", "multi", &index);

    let pulls = (0..8).map(|_| world.pull("team/app:multi"));
    let chains = futures_util::future::join_all(pulls).await;
    let chain = chains[0].clone().unwrap();
    assert!(chains.iter().all(|found| found.as_ref() == Ok(&chain)), "{chains:?}");
    let paths: Vec<_> = registry.contents.lock().documents.keys().cloned().collect();
    for blob in paths.iter().filter(|path| path.contains("/blobs/")) {
        assert_eq!(registry.count(blob), 1, "{blob}");
    }
    let reference = format!("{}/team/app:multi", registry.address);
    assert_eq!(world.images.pull(&reference, None).await.unwrap().manifest_digest, index["digest"]);

    // A second pull asks for nothing but what the tag means.
    let before = registry.count("/blobs/");
    assert_eq!(world.pull("team/app:plain").await, Ok(chain.clone()));
    assert_eq!(registry.count("/blobs/"), before);

    let (snapshots, _, images) = world.inventory().await;
    assert_eq!(snapshots.len(), 3, "{snapshots:?}");
    assert_eq!(images.len(), 1, "{images:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_transfer_goes_on_where_it_ended() {
    let world = World::start(Limits::default()).await;
    let layer = archive(&[("big", &noise(4 << 20))]);
    image(&world.registry, "app", "1", &[(PLAIN, layer)]);
    // The configuration is asked for first and comes whole.
    world.registry.contents.lock().cuts = vec![1 << 20, 2 << 20, usize::MAX];
    world.pull("app:1").await.unwrap();
    let requests = world.registry.contents.lock().requests.clone();
    let ranges: Vec<_> = requests.iter().filter_map(|(_, _, range)| range.clone()).collect();
    assert_eq!(ranges.len(), 2, "{ranges:?}");
    assert!(!ranges.contains(&"bytes=0-".to_string()), "{ranges:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_images_are_refused_and_leave_nothing() {
    let world = World::start(Limits { unpacked_bytes: 8 << 20, ..Limits::default() }).await;
    let registry = &world.registry;
    let empty = world.inventory().await;
    let climbing = archive(&[("../../etc/cron.d/x", b"* * * * *")]);
    image(registry, "climb", "1", &[(GZIP, archive(&[("a", b"1")])), (GZIP, climbing)]);
    image(registry, "bomb", "1", &[(GZIP, archive(&[("zeros", &vec![0; 64 << 20])]))]);
    let liar = archive(&[("a", b"honest")]);
    image(registry, "liar", "1", &[(PLAIN, liar.clone())]);
    let path = format!("liar/blobs/{}", digest(&liar));
    let swapped = archive(&[("a", b"lying!")]).into();
    registry.contents.lock().documents.insert(path, ("application/octet-stream".into(), swapped));

    let refused = world.pull("climb:1").await.unwrap_err();
    assert!(
        refused.starts_with("CannotPullContainerError: ref pull has been retried 1 time(s): layer sha256:")
    );
    assert!(refused.ends_with(r#"refused: "../../etc/cron.d/x" contains "..""#), "{refused}");
    let refused = world.pull("bomb:1").await.unwrap_err();
    assert!(refused.ends_with("it unpacks to more than 8388608 bytes"), "{refused}");
    let refused = world.pull("liar:1").await.unwrap_err();
    assert!(refused.contains("igest"), "{refused}");
    assert_eq!(world.inventory().await, empty);

    let shown = format!("{}/none:1", registry.address);
    assert_eq!(
        world.pull("none:1").await.unwrap_err(),
        format!(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
             {shown}: {shown}: not found"
        )
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_presented_and_never_shared() {
    let world = World::start(Limits::default()).await;
    image(&world.registry, "app", "1", &[(GZIP, archive(&[("a", b"1")]))]);
    world.registry.contents.lock().authorization = Some("Basic QVdTOnNlY3JldA==".into());
    let reference = format!("{}/app:1", world.registry.address);
    let login = Some(("AWS".to_string(), "secret".to_string()));
    world.images.pull(&reference, login).await.unwrap();
    let denied = world.images.pull(&reference, None).await.unwrap_err();
    assert!(
        denied.contains("pull access denied, repository does not exist or may require authorization"),
        "{denied}"
    );
    world.end().await;
}
