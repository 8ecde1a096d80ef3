//! Uploads: at once, in chunks, streamed; resumed, cancelled, broken.

use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http_body_util::StreamBody;
use hyper::body::Frame;
use proptest::prelude::*;

use crate::world::{World, sha256, sha512};

async fn begin(world: &World) -> String {
    let answer =
        world.ask("POST", "/v2/team/web/blobs/uploads/", &[("content-length", "0")], "").await.is(202);
    assert_eq!(answer.header("range"), "0-0");
    assert_eq!(answer.header("content-length"), "0");
    let location = answer.header("location").to_owned();
    assert!(location.ends_with(answer.header("docker-upload-uuid")), "{location}");
    location
}

#[tokio::test]
async fn everything_goes_in_one_post() {
    let world = World::new().await;
    for digest in [sha256(b"hello"), sha512(b"hello")] {
        let path = format!("/v2/team/web/blobs/uploads/?digest={digest}");
        let answer = world.ask("POST", &path, &[], "hello").await.is(201);
        assert_eq!(answer.header("location"), format!("/v2/team/web/blobs/{digest}"));
        assert_eq!(answer.header("docker-content-digest"), digest);
        assert_eq!(world.get(answer.header("location")).await.is(200).body, "hello");
    }
}

#[tokio::test]
async fn a_post_then_a_put() {
    let world = World::new().await;
    let location = begin(&world).await;
    let digest = sha256(b"hello");
    let answer = world.ask("PUT", &format!("{location}?digest={digest}"), &[], "hello").await.is(201);
    assert_eq!(answer.header("location"), format!("/v2/team/web/blobs/{digest}"));
    world.get(&location).await.refuses(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn chunks_in_order() {
    let world = World::new().await;
    let location = begin(&world).await;
    let answer = world
        .ask("PATCH", &location, &[("content-range", "0-4"), ("content-length", "5")], "hello")
        .await
        .is(202);
    assert_eq!((answer.header("range"), answer.header("location")), ("0-4", location.as_str()));
    let answer = world.ask("PATCH", &location, &[("content-range", "5-7")], ", w").await.is(202);
    assert_eq!(answer.header("range"), "0-7");
    let answer = world.get(&location).await.is(204);
    assert_eq!((answer.header("range"), answer.header("location")), ("0-7", location.as_str()));
    let digest = sha256(b"hello, world");
    let last = format!("{location}?digest={digest}");
    world.ask("PUT", &last, &[("content-range", "8-11")], "orld").await.is(201);
    assert_eq!(world.get(&format!("/v2/team/web/blobs/{digest}")).await.is(200).body, "hello, world");
}

#[tokio::test]
async fn a_chunk_out_of_order_is_told_where_to_go_on() {
    let world = World::new().await;
    let location = begin(&world).await;
    world.ask("PATCH", &location, &[("content-range", "5-9")], "world").await.is(416);
    world.ask("PATCH", &location, &[("content-range", "0-4")], "hello").await.is(202);
    for (method, path) in
        [("PATCH", location.clone()), ("PUT", format!("{location}?digest={}", sha256(b"x")))]
    {
        for range in ["0-4", "6-10"] {
            let answer = world.ask(method, &path, &[("content-range", range)], "world").await.is(416);
            assert_eq!((answer.header("range"), answer.header("location")), ("0-4", location.as_str()));
        }
    }
    assert_eq!(world.get(&location).await.is(204).header("range"), "0-4");
}

#[tokio::test]
async fn a_chunk_that_contradicts_itself_is_refused() {
    let world = World::new().await;
    let location = begin(&world).await;
    let send = |range: &'static str, body: &'static str| {
        let (world, location) = (&world, &location);
        async move { world.ask("PATCH", location, &[("content-range", range)], body).await }
    };
    send("0-9", "short").await.refuses(400, "SIZE_INVALID");
    world.ask("DELETE", &location, &[], "").await.is(204);
    let location = begin(&world).await;
    world.ask("PATCH", &location, &[("content-range", "0-1")], "too long").await.refuses(400, "SIZE_INVALID");
    world.ask("PATCH", &location, &[("content-range", "4-1")], "x").await.refuses(400, "BLOB_UPLOAD_INVALID");
    let headers = [("content-range", "0-4"), ("content-length", "9")];
    world.ask("PATCH", &location, &headers, "hello").await.refuses(400, "SIZE_INVALID");
    assert_eq!(world.get(&location).await.is(204).header("range"), "0-0");
}

#[tokio::test]
async fn a_stream_without_ranges() {
    let world = World::new().await;
    let location = begin(&world).await;
    let content = vec![b'x'; 2_500_000];
    world.ask("PATCH", &location, &[], content.clone()).await.is(202);
    let digest = sha256(&content);
    world.ask("PUT", &format!("{location}?digest={digest}"), &[], "").await.is(201);
    assert!(world.get(&format!("/v2/team/web/blobs/{digest}")).await.is(200).body == content);
}

#[tokio::test]
async fn a_wrong_digest_makes_nothing_visible() {
    let world = World::new().await;
    let (right, wrong) = (sha256(b"hello"), sha256(b"other"));
    for location in [begin(&world).await, "/v2/team/web/blobs/uploads/".to_owned()] {
        let method = if location.ends_with('/') { "POST" } else { "PUT" };
        let path = format!("{location}?digest={wrong}");
        world.ask(method, &path, &[], "hello").await.refuses(400, "DIGEST_INVALID");
        world.get(&format!("/v2/team/web/blobs/{wrong}")).await.refuses(404, "BLOB_UNKNOWN");
    }
    world.get(&format!("/v2/team/web/blobs/{right}")).await.refuses(404, "BLOB_UNKNOWN");
    let location = begin(&world).await;
    world.ask("PUT", &format!("{location}?digest=md5:12"), &[], "hello").await.refuses(400, "DIGEST_INVALID");
    world.ask("PUT", &location, &[], "hello").await.refuses(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn a_cancelled_upload_is_gone() {
    let world = World::new().await;
    let location = begin(&world).await;
    world.ask("PATCH", &location, &[], "hello").await.is(202);
    world.ask("DELETE", &location, &[], "").await.is(204);
    world.get(&location).await.refuses(404, "BLOB_UPLOAD_UNKNOWN");
    world.ask("DELETE", &location, &[], "").await.refuses(404, "BLOB_UPLOAD_UNKNOWN");
    world.ask("PATCH", &location, &[], "x").await.refuses(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn an_upload_belongs_to_its_repository() {
    let world = World::new().await;
    world.create("other", Default::default()).await;
    let location = begin(&world).await;
    world.get(&location.replace("team/web", "other")).await.refuses(404, "BLOB_UPLOAD_UNKNOWN");
    world.get("/v2/team/web/blobs/uploads/..%2F..").await.refuses(404, "BLOB_UPLOAD_UNKNOWN");
    world.get("/v2/team/web/blobs/uploads/none").await.refuses(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn a_broken_connection_keeps_what_arrived() {
    let world = World::new().await;
    let location = begin(&world).await;
    let frames = [Ok(Frame::data(Bytes::from_static(b"hello"))), Err(std::io::Error::other("reset"))];
    let request = Request::patch(&location)
        .header("authorization", basic(&world))
        .body(StreamBody::new(stream::iter(frames)))
        .unwrap();
    let answer = world.registry.handle(request, world.now).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(world.get(&location).await.is(204).header("range"), "0-4");
    let digest = sha256(b"hello, world");
    let path = format!("{location}?digest={digest}");
    world.ask("PUT", &path, &[("content-range", "5-11")], ", world").await.is(201);
}

#[tokio::test]
async fn pushing_a_blob_twice_keeps_one_object() {
    let world = World::new().await;
    let digest = world.blob("team/web", "hello").await;
    assert_eq!(world.blob("team/web", "hello").await, digest);
    assert_eq!(world.blobs.list("", None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn ten_pushes_of_one_blob_at_once_all_succeed() {
    let world = World::new().await;
    let pushes = (0..10).map(|_| world.blob("team/web", vec![b'y'; 300_000]));
    let digests = futures_util::future::join_all(pushes).await;
    assert!(digests.iter().all(|digest| *digest == digests[0]));
    assert_eq!(world.blobs.list("", None, 10).await.unwrap().len(), 1);
}

fn basic(world: &World) -> String {
    use base64::Engine as _;
    let credentials = format!("AWS:{}", world.token);
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However content is cut into chunks, and whatever wrong chunks come between, it arrives.
    #[test]
    fn any_cut_arrives(content in proptest::collection::vec(any::<u8>(), 0..4000), cuts in proptest::collection::vec(1usize..900, 1..8), wrong in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let location = begin(&world).await;
            let mut at = 0;
            for cut in cuts.iter().cycle() {
                if at == content.len() {
                    break;
                }
                let end = (at + cut).min(content.len());
                let chunk = content[at..end].to_vec();
                if wrong {
                    let range = format!("{}-{}", at + 1, end);
                    world.ask("PATCH", &location, &[("content-range", &range)], chunk.clone()).await.is(416);
                }
                let range = format!("{at}-{}", end - 1);
                world.ask("PATCH", &location, &[("content-range", &range)], chunk).await.is(202);
                at = end;
            }
            let digest = sha256(&content);
            world.ask("PUT", &format!("{location}?digest={digest}"), &[], "").await.is(201);
            assert!(world.get(&format!("/v2/team/web/blobs/{digest}")).await.is(200).body == content);
        });
    }
}
