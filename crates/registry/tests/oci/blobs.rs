//! Blobs: HEAD, GET with ranges, DELETE, mounting, sealed addresses.

use std::time::Duration;

use crate::world::{World, sha256};

#[tokio::test]
async fn a_blob_is_described_and_downloaded() {
    let world = World::new().await;
    let digest = world.blob("team/web", "hello, layer").await;
    let path = format!("/v2/team/web/blobs/{digest}");
    for method in ["HEAD", "GET"] {
        let answer = world.ask(method, &path, &[], "").await.is(200);
        assert_eq!(answer.header("content-length"), "12");
        assert_eq!(answer.header("docker-content-digest"), digest);
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.body, if method == "GET" { "hello, layer" } else { "" });
    }
}

#[tokio::test]
async fn a_blob_is_downloaded_in_parts() {
    let world = World::new().await;
    let digest = world.blob("team/web", "0123456789").await;
    let path = format!("/v2/team/web/blobs/{digest}");
    for (range, body, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=5-500", "56789", "bytes 5-9/10"),
    ] {
        let answer = world.ask("GET", &path, &[("range", range)], "").await.is(206);
        assert_eq!(
            (answer.body, answer.headers["content-range"].to_str().unwrap()),
            (body.into(), content_range)
        );
        assert_eq!(answer.headers["content-length"], body.len().to_string().as_str());
    }
    let answer = world.ask("GET", &path, &[("range", "bytes=10-")], "").await.is(416);
    assert_eq!(answer.header("content-range"), "bytes */10");
}

#[tokio::test]
async fn a_large_blob_comes_back_whole() {
    let world = World::new().await;
    let content: Vec<u8> = (0..3_500_000u32).map(|i| ((i * 31) >> 3) as u8).collect();
    let digest = world.blob("team/web", content.clone()).await;
    let path = format!("/v2/team/web/blobs/{digest}");
    assert!(world.get(&path).await.is(200).body == content);
    let part = world.ask("GET", &path, &[("range", "bytes=1048570-2097170")], "").await.is(206);
    assert!(part.body == content[1_048_570..=2_097_170]);
}

#[tokio::test]
async fn the_empty_blob_is_a_blob() {
    let world = World::new().await;
    let digest = world.blob("team/web", "").await;
    assert!(world.get(&format!("/v2/team/web/blobs/{digest}")).await.is(200).body.is_empty());
}

#[tokio::test]
async fn a_blob_is_seen_in_its_repository_only() {
    let world = World::new().await;
    world.create("other", Default::default()).await;
    let digest = world.blob("team/web", "hello").await;
    world.get(&format!("/v2/other/blobs/{digest}")).await.refuses(404, "BLOB_UNKNOWN");
    let unknown = sha256(b"unknown");
    let answer = world.ask("HEAD", &format!("/v2/team/web/blobs/{unknown}"), &[], "").await.is(404);
    assert!(answer.body.is_empty());
    world.get("/v2/team/web/blobs/sha256:12").await.refuses(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn a_blob_is_mounted_from_another_repository() {
    let world = World::new().await;
    world.create("other", Default::default()).await;
    let digest = world.blob("team/web", "hello").await;
    let path = format!("/v2/other/blobs/uploads/?mount={digest}&from=team%2Fweb");
    let answer = world.ask("POST", &path, &[], "").await.is(201);
    assert_eq!(answer.header("location"), format!("/v2/other/blobs/{digest}"));
    assert_eq!(answer.header("docker-content-digest"), digest);
    assert_eq!(world.get(&format!("/v2/other/blobs/{digest}")).await.is(200).body, "hello");
}

#[tokio::test]
async fn what_cannot_be_mounted_is_uploaded() {
    let world = World::new().await;
    let unknown = sha256(b"unknown");
    for from in ["&from=team/web", "&from=nope", "&from=.bad", ""] {
        let path = format!("/v2/team/web/blobs/uploads/?mount={unknown}{from}");
        let answer = world.ask("POST", &path, &[], "").await.is(202);
        assert!(answer.header("location").starts_with("/v2/team/web/blobs/uploads/"), "{from}");
    }
    world
        .ask("POST", "/v2/team/web/blobs/uploads/?mount=x&from=team/web", &[], "")
        .await
        .refuses(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn a_blob_is_deleted_unless_an_image_needs_it() {
    let world = World::new().await;
    let digest = world.blob("team/web", "hello").await;
    let path = format!("/v2/team/web/blobs/{digest}");
    world.ask("DELETE", &path, &[], "").await.is(202);
    world.get(&path).await.refuses(404, "BLOB_UNKNOWN");
    world.ask("DELETE", &path, &[], "").await.refuses(404, "BLOB_UNKNOWN");
    world.image("team/web", "v1", "hello").await;
    world.ask("DELETE", &path, &[], "").await.refuses(405, "UNSUPPORTED");
}

#[tokio::test]
async fn a_sealed_address_downloads_one_blob_for_a_while() {
    let mut world = World::new().await;
    let digest = world.blob("team/web", "hello").await;
    let other = world.blob("team/web", "other").await;
    let link = world.registry.link(&world.repository(), &digest.parse().unwrap()).unwrap();
    let name = "team/web".parse().unwrap();
    let path = world.registry.download_path(&name, &link, world.now + Duration::from_secs(60));
    assert_eq!(world.send("GET", &path, &[], "").await.is(200).body, "hello");
    let part = world.send("GET", &path, &[("range", "bytes=1-2")], "").await.is(206);
    assert_eq!(part.body, "el");
    world.send("GET", &path.replace(&digest, &other), &[], "").await.refuses(403, "DENIED");
    world.send("DELETE", &path, &[], "").await.refuses(405, "UNSUPPORTED");
    world.send("GET", &format!("{path}x"), &[], "").await.refuses(403, "DENIED");
    world.now = world.now + Duration::from_secs(60);
    world.send("GET", &path, &[], "").await.refuses(403, "DENIED");
}
