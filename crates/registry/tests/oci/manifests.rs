//! Manifests: push, pull, refuse, delete.

use model::ecr::{ExclusionFilter, Mutability, TagMutability};
use serde_json::json;

use crate::world::{OCI_INDEX, OCI_MANIFEST, World, sha256, sha512};

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

#[tokio::test]
async fn a_manifest_is_pulled_as_it_was_pushed() {
    let world = World::new().await;
    let manifest = world.manifest("team/web", "layer").await;
    let text = format!("{manifest:#}\n");
    let digest = sha256(text.as_bytes());
    let headers = [("content-type", OCI_MANIFEST)];
    let answer = world.ask("PUT", "/v2/team/web/manifests/v1", &headers, text.clone()).await.is(201);
    assert_eq!(answer.header("location"), format!("/v2/team/web/manifests/{digest}"));
    assert_eq!(answer.header("docker-content-digest"), digest);
    for reference in ["v1", digest.as_str()] {
        let path = format!("/v2/team/web/manifests/{reference}");
        for method in ["GET", "HEAD"] {
            let answer = world.ask(method, &path, &[], "").await.is(200);
            assert_eq!(answer.header("content-type"), OCI_MANIFEST);
            assert_eq!(answer.header("docker-content-digest"), digest);
            assert_eq!(answer.header("content-length"), text.len().to_string());
            assert_eq!(answer.body, if method == "GET" { text.clone() } else { String::new() });
        }
    }
}

#[tokio::test]
async fn docker_manifests_and_lists_are_taken() {
    let world = World::new().await;
    let mut manifest = world.manifest("team/web", "layer").await;
    manifest["mediaType"] = json!(DOCKER_MANIFEST);
    let answer = world.put("team/web", "v1", DOCKER_MANIFEST, &manifest).await.is(201);
    let digest = answer.header("docker-content-digest");
    let list = json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [
        {"mediaType": DOCKER_MANIFEST, "digest": digest, "size": manifest.to_string().len(), "platform": {"os": "linux", "architecture": "amd64"}},
    ]});
    world.put("team/web", "all", DOCKER_LIST, &list).await.is(201);
    assert_eq!(world.get("/v2/team/web/manifests/all").await.is(200).header("content-type"), DOCKER_LIST);
}

#[tokio::test]
async fn a_manifest_goes_by_its_digest() {
    let world = World::new().await;
    let manifest = world.manifest("team/web", "layer").await;
    for digest in [sha256(manifest.to_string().as_bytes()), sha512(manifest.to_string().as_bytes())] {
        let answer = world.put("team/web", &digest, OCI_MANIFEST, &manifest).await.is(201);
        assert_eq!(answer.header("docker-content-digest"), digest);
        world.get(&format!("/v2/team/web/manifests/{digest}")).await.is(200);
    }
    world.put("team/web", &sha256(b"other"), OCI_MANIFEST, &manifest).await.refuses(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn a_manifest_with_missing_parts_is_refused() {
    let world = World::new().await;
    let mut manifest = world.manifest("team/web", "layer").await;
    let missing = sha256(b"missing");
    manifest["layers"][0]["digest"] = json!(missing);
    let answer =
        world.put("team/web", "v1", OCI_MANIFEST, &manifest).await.refuses(404, "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(answer.json()["errors"][0]["detail"]["digests"], json!([missing]));
    let index =
        json!({"schemaVersion": 2, "manifests": [{"mediaType": OCI_MANIFEST, "digest": missing, "size": 3}]});
    world.put("team/web", "v1", OCI_INDEX, &index).await.refuses(404, "MANIFEST_BLOB_UNKNOWN");
    world.get("/v2/team/web/manifests/v1").await.refuses(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn malformed_manifests_are_refused() {
    let world = World::new().await;
    let put = |content_type: &'static str, body: String| {
        let world = &world;
        async move { world.ask("PUT", "/v2/team/web/manifests/v1", &[("content-type", content_type)], body).await }
    };
    put(OCI_MANIFEST, "{".into()).await.refuses(400, "MANIFEST_INVALID");
    put(OCI_MANIFEST, String::new()).await.refuses(400, "MANIFEST_INVALID");
    let signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    put(signed, "{\"schemaVersion\": 1}".into()).await.refuses(400, "MANIFEST_INVALID");
    put(OCI_MANIFEST, " ".repeat((4 << 20) + 1)).await.refuses(413, "MANIFEST_INVALID");
    let manifest = world.manifest("team/web", "layer").await;
    world.put("team/web", ".bad", OCI_MANIFEST, &manifest).await.refuses(400, "TAG_INVALID");
}

#[tokio::test]
async fn a_tag_moves_and_the_old_image_stays() {
    let world = World::new().await;
    let first = world.image("team/web", "latest", "one").await;
    let second = world.image("team/web", "latest", "two").await;
    let answer = world.get("/v2/team/web/manifests/latest").await.is(200);
    assert_eq!(answer.header("docker-content-digest"), second);
    world.get(&format!("/v2/team/web/manifests/{first}")).await.is(200);
}

#[tokio::test]
async fn an_immutable_tag_stays() {
    let world = World::new().await;
    let exclusions = vec![ExclusionFilter::new("dev*").unwrap()];
    let rule = TagMutability { mode: Mutability::ImmutableWithExclusion, exclusions };
    world.create("fixed", rule).await;
    world.image("fixed", "v1", "one").await;
    // The same image again is no move.
    world.image("fixed", "v1", "one").await;
    let other = world.manifest("fixed", "two").await;
    let answer = world.put("fixed", "v1", OCI_MANIFEST, &other).await.refuses(400, "TAG_INVALID");
    let message = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("The image tag 'v1' already exists in the 'fixed' repository"), "{message}");
    // A refused push leaves nothing of the image.
    let digest = sha256(other.to_string().as_bytes());
    world.get(&format!("/v2/fixed/manifests/{digest}")).await.refuses(404, "MANIFEST_UNKNOWN");
    world.image("fixed", "dev1", "one").await;
    world.image("fixed", "dev1", "two").await;
}

#[tokio::test]
async fn tags_and_manifests_are_deleted() {
    let world = World::new().await;
    let digest = world.image("team/web", "v1", "layer").await;
    world.image("team/web", "v2", "layer").await;
    world.ask("DELETE", "/v2/team/web/manifests/v1", &[], "").await.is(202);
    world.get("/v2/team/web/manifests/v1").await.refuses(404, "MANIFEST_UNKNOWN");
    world.get("/v2/team/web/manifests/v2").await.is(200);
    world.ask("DELETE", "/v2/team/web/manifests/v1", &[], "").await.refuses(404, "MANIFEST_UNKNOWN");
    let path = format!("/v2/team/web/manifests/{digest}");
    world.ask("DELETE", &path, &[], "").await.is(202);
    for reference in ["v2", digest.as_str()] {
        world.get(&format!("/v2/team/web/manifests/{reference}")).await.refuses(404, "MANIFEST_UNKNOWN");
    }
    world.ask("DELETE", &path, &[], "").await.refuses(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn an_image_of_many_tags_is_deleted_whole() {
    let world = World::new().await;
    let manifest = world.manifest("team/web", "layer").await;
    for number in 0..170 {
        world.put("team/web", &format!("t{number}"), OCI_MANIFEST, &manifest).await.is(201);
    }
    let digest = sha256(manifest.to_string().as_bytes());
    world.ask("DELETE", &format!("/v2/team/web/manifests/{digest}"), &[], "").await.is(202);
    assert_eq!(world.get("/v2/team/web/tags/list").await.is(200).json()["tags"], json!([]));
}

#[tokio::test]
async fn pushes_to_one_repository_at_once_all_succeed() {
    let world = World::new().await;
    let manifest = world.manifest("team/web", "layer").await;
    let tags: Vec<String> = (0..30).map(|number| format!("t{number}")).collect();
    let pushes = tags.iter().map(|tag| world.put("team/web", tag, OCI_MANIFEST, &manifest));
    for answer in futures_util::future::join_all(pushes).await {
        answer.is(201);
    }
}

#[tokio::test]
async fn a_deleted_repository_leaves_nothing_to_its_successor() {
    let world = World::new().await;
    let digest = world.image("team/web", "v1", "layer").await;
    let name = "team/web".parse().unwrap();
    world.registry.delete_repository(&world.scope, &name, false, world.now).await.unwrap_err();
    world.registry.delete_repository(&world.scope, &name, true, world.now).await.unwrap();
    world.get("/v2/team/web/tags/list").await.refuses(404, "NAME_UNKNOWN");
    world.create("team/web", TagMutability::default()).await;
    assert_eq!(world.get("/v2/team/web/tags/list").await.is(200).json()["tags"], json!([]));
    world.get(&format!("/v2/team/web/manifests/{digest}")).await.refuses(404, "MANIFEST_UNKNOWN");
}
