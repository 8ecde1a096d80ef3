//! The reaper: what goes, what stays, and that a push is always safe beside it.

use std::time::Duration;

use model::ecr::TagMutability;
use registry::reap::Reaped;
use registry::tables::{Blob, Image, Link};
use store::key;

use crate::world::{GRACE, OCI_MANIFEST, World, sha256};

const NOTHING: Reaped = Reaped { images: 0, graves: 0, links: 0, blobs: 0, objects: 0, uploads: 0 };

async fn reap_after(world: &World, after: Duration) -> Reaped {
    world.registry.reap(world.now + after).await.unwrap()
}

#[tokio::test]
async fn what_an_image_needs_stays() {
    let world = World::new().await;
    let digest = world.image("team/web", "v1", "layer").await;
    assert_eq!(reap_after(&world, GRACE * 3).await, NOTHING);
    world.get(&format!("/v2/team/web/manifests/{digest}")).await.is(200);
    world.get(&format!("/v2/team/web/blobs/{}", sha256(b"layer"))).await.is(200);
}

#[tokio::test]
async fn an_unneeded_blob_goes_after_the_grace_period() {
    let world = World::new().await;
    let digest = world.blob("team/web", "layer").await;
    assert_eq!(reap_after(&world, GRACE / 2).await, NOTHING);
    let reaped = reap_after(&world, GRACE * 2).await;
    assert_eq!(reaped, Reaped { links: 1, blobs: 1, ..NOTHING });
    world.get(&format!("/v2/team/web/blobs/{digest}")).await.refuses(404, "BLOB_UNKNOWN");
    assert!(world.blobs.list("", None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn asking_for_a_blob_keeps_it_for_the_push() {
    let mut world = World::new().await;
    let digest = world.blob("team/web", "layer").await;
    let start = world.now;
    // An hour later, past the grace period, a push asks whether the layer is there.
    world.now = start + Duration::from_secs(3600);
    world.token = world.token_of("arn:aws:iam::123456789012:root", "us-east-2");
    world.ask("HEAD", &format!("/v2/team/web/blobs/{digest}"), &[], "").await.is(200);
    assert_eq!(reap_after(&world, GRACE / 2).await, NOTHING);
    world.image("team/web", "v1", "layer").await;
}

#[tokio::test]
async fn an_untagged_image_stays_and_a_deleted_one_goes() {
    let world = World::new().await;
    let digest = world.image("team/web", "v1", "layer").await;
    world.ask("DELETE", "/v2/team/web/manifests/v1", &[], "").await.is(202);
    assert_eq!(reap_after(&world, GRACE * 2).await, NOTHING);
    world.ask("DELETE", &format!("/v2/team/web/manifests/{digest}"), &[], "").await.is(202);
    assert_eq!(reap_after(&world, GRACE * 2).await, Reaped { links: 3, blobs: 3, ..NOTHING });
}

#[tokio::test]
async fn a_shared_blob_stays_while_one_repository_has_it() {
    let world = World::new().await;
    world.create("other", TagMutability::default()).await;
    world.image("team/web", "v1", "layer").await;
    let digest = world.image("other", "v1", "layer").await;
    world
        .registry
        .delete_repository(&world.scope, &"team/web".parse().unwrap(), true, world.now)
        .await
        .unwrap();
    assert_eq!(reap_after(&world, GRACE * 2).await, Reaped { graves: 1, ..NOTHING });
    world.get(&format!("/v2/other/manifests/{digest}")).await.is(200);
    world.registry.delete_repository(&world.scope, &"other".parse().unwrap(), true, world.now).await.unwrap();
    assert_eq!(reap_after(&world, GRACE * 2).await, Reaped { graves: 1, blobs: 3, ..NOTHING });
    let snapshot = world.store.snapshot();
    let rows =
        snapshot.count::<Link>(&key![]) + snapshot.count::<Image>(&key![]) + snapshot.count::<Blob>(&key![]);
    assert_eq!((rows, world.blobs.list("", None, 10).await.unwrap().len()), (0, 0));
}

#[tokio::test]
async fn abandoned_uploads_and_nameless_objects_go() {
    let world = World::new().await;
    let answer = world.ask("POST", "/v2/team/web/blobs/uploads/", &[], "").await.is(202);
    world.ask("PATCH", answer.header("location"), &[], "half").await.is(202);
    // As if the server had died between the object and its row.
    let orphan = store::BlobName::new("registry/ab/abandoned").unwrap();
    world.blobs.put_new(&orphan, "bytes").await.unwrap();
    assert_eq!(reap_after(&world, GRACE / 2).await, NOTHING);
    assert_eq!(reap_after(&world, GRACE * 2).await, Reaped { objects: 1, uploads: 1, ..NOTHING });
    assert_eq!(std::fs::read_dir(world.path().join("uploads")).unwrap().count(), 0);
    world.get(answer.header("location")).await.refuses(404, "BLOB_UPLOAD_UNKNOWN");
}

/// Pushes race with a reaper for which everything is always old enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_push_beside_the_reaper_is_whole_or_refused() {
    let world = World::new().await;
    let manifest = world.manifest("team/web", "layer").await;
    let config = sha256(b"{}");
    for round in 0..40 {
        let pushing = async {
            for content in ["{}", "layer"] {
                let path = format!("/v2/team/web/blobs/uploads/?digest={}", sha256(content.as_bytes()));
                let answer = world.ask("POST", &path, &[], content).await;
                // Its object may be doomed before its row is there: only with no grace at all.
                assert!([201, 429].contains(&answer.status.as_u16()), "round {round}");
            }
            world.put("team/web", "v1", OCI_MANIFEST, &manifest).await
        };
        let (pushed, reaped) = tokio::join!(pushing, reap_after(&world, GRACE * 2));
        match pushed.status.as_u16() {
            201 => {
                for digest in [&config, &sha256(b"layer")] {
                    let path = format!("/v2/team/web/blobs/{digest}");
                    assert!(!world.get(&path).await.is(200).body.is_empty(), "round {round}, {reaped:?}");
                }
                let digest = pushed.header("docker-content-digest");
                world.get("/v2/team/web/manifests/v1").await.is(200);
                world.ask("DELETE", &format!("/v2/team/web/manifests/{digest}"), &[], "").await.is(202);
            }
            404 => assert_eq!(pushed.code(), "MANIFEST_BLOB_UNKNOWN"),
            429 => assert_eq!(pushed.code(), "TOOMANYREQUESTS"),
            other => panic!("round {round}: {other} {:?}", pushed.body),
        }
    }
}
