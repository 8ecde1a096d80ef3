//! Lists: tags, repositories, referrers.

use serde_json::json;

use crate::world::{OCI_INDEX, OCI_MANIFEST, World, sha256};

#[tokio::test]
async fn tags_come_sorted_and_in_pages() {
    let world = World::new().await;
    let list = world.get("/v2/team/web/tags/list").await.is(200).json();
    assert_eq!(list, json!({"name": "team/web", "tags": []}));
    let manifest = world.manifest("team/web", "layer").await;
    for tag in ["v3", "v1", "latest", "v2"] {
        world.put("team/web", tag, OCI_MANIFEST, &manifest).await.is(201);
    }
    let tags = async |path: &str| {
        let answer = world.get(path).await.is(200);
        (answer.json()["tags"].clone(), answer.header("link").to_owned())
    };
    assert_eq!(tags("/v2/team/web/tags/list").await, (json!(["latest", "v1", "v2", "v3"]), String::new()));
    let (first, link) = tags("/v2/team/web/tags/list?n=2").await;
    assert_eq!(first, json!(["latest", "v1"]));
    assert_eq!(link, "</v2/team/web/tags/list?n=2&last=v1>; rel=\"next\"");
    assert_eq!(tags("/v2/team/web/tags/list?n=2&last=v1").await, (json!(["v2", "v3"]), String::new()));
    assert_eq!(tags("/v2/team/web/tags/list?n=0").await, (json!([]), String::new()));
    // `last` need not exist.
    assert_eq!(tags("/v2/team/web/tags/list?last=v11").await.0, json!(["v2", "v3"]));
    assert_eq!(world.get("/v2/team/web/tags/list?n=x").await.status, 400);
}

#[tokio::test]
async fn the_catalog_lists_repositories() {
    let world = World::new().await;
    world.create("alpha", Default::default()).await;
    let answer = world.get("/v2/_catalog?n=1").await.is(200);
    assert_eq!(answer.json(), json!({"repositories": ["alpha"]}));
    assert_eq!(answer.header("link"), "</v2/_catalog?n=1&last=alpha>; rel=\"next\"");
    let answer = world.get("/v2/_catalog?n=1&last=alpha").await.is(200);
    assert_eq!((answer.json(), answer.header("link")), (json!({"repositories": ["team/web"]}), ""));
}

#[tokio::test]
async fn referrers_are_listed_and_filtered() {
    let world = World::new().await;
    let subject = world.image("team/web", "v1", "layer").await;
    let mut made = Vec::new();
    for (kind, note) in [("example/sbom", "a"), ("example/signature", "b")] {
        let mut artifact = world.manifest("team/web", note).await;
        artifact["artifactType"] = json!(kind);
        artifact["subject"] = json!({"mediaType": OCI_MANIFEST, "digest": subject, "size": 1});
        artifact["annotations"] = json!({"note": note});
        let digest = sha256(artifact.to_string().as_bytes());
        let answer = world.put("team/web", &digest, OCI_MANIFEST, &artifact).await.is(201);
        assert_eq!(answer.header("oci-subject"), subject);
        made.push((digest, kind, note, artifact.to_string().len()));
    }
    made.sort();
    let answer = world.get(&format!("/v2/team/web/referrers/{subject}")).await.is(200);
    assert_eq!(answer.header("content-type"), OCI_INDEX);
    assert_eq!(answer.header("oci-filters-applied"), "");
    let entry = |(digest, kind, note, size): &(String, &str, &str, usize)| json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": size, "annotations": {"note": note}, "artifactType": kind});
    let all: Vec<_> = made.iter().map(entry).collect();
    assert_eq!(answer.json(), json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": all}));
    let filtered = format!("/v2/team/web/referrers/{subject}?artifactType=example%2Fsbom");
    let answer = world.get(&filtered).await.is(200);
    assert_eq!(answer.header("oci-filters-applied"), "artifactType");
    let sboms: Vec<_> = made.iter().filter(|made| made.1 == "example/sbom").map(entry).collect();
    assert_eq!(answer.json()["manifests"], json!(sboms));
}

#[tokio::test]
async fn the_subject_need_not_exist() {
    let world = World::new().await;
    let subject = sha256(b"later");
    let answer = world.get(&format!("/v2/team/web/referrers/{subject}")).await.is(200);
    assert_eq!(answer.json()["manifests"], json!([]));
    let mut artifact = world.manifest("team/web", "layer").await;
    artifact["subject"] = json!({"mediaType": OCI_MANIFEST, "digest": subject, "size": 1});
    world.put("team/web", "sbom", OCI_MANIFEST, &artifact).await.is(201);
    let answer = world.get(&format!("/v2/team/web/referrers/{subject}")).await.is(200);
    // Without an artifact type of its own, an image is what its configuration says.
    assert_eq!(answer.json()["manifests"][0]["artifactType"], "application/vnd.oci.image.config.v1+json");
    let digest = answer.json()["manifests"][0]["digest"].as_str().unwrap().to_owned();
    world.ask("DELETE", &format!("/v2/team/web/manifests/{digest}"), &[], "").await.is(202);
    let answer = world.get(&format!("/v2/team/web/referrers/{subject}")).await.is(200);
    assert_eq!(answer.json()["manifests"], json!([]));
    world.get("/v2/team/web/referrers/sha256:12").await.refuses(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn referrers_come_in_pages() {
    let world = World::new().await;
    let subject = sha256(b"popular");
    let mut artifact = world.manifest("team/web", "layer").await;
    artifact["subject"] = json!({"mediaType": OCI_MANIFEST, "digest": subject, "size": 1});
    for number in 0..120 {
        artifact["annotations"] = json!({"number": number.to_string()});
        world.put("team/web", &format!("t{number}"), OCI_MANIFEST, &artifact).await.is(201);
    }
    let mut path = format!("/v2/team/web/referrers/{subject}");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let answer = world.get(&path).await.is(200);
        for entry in answer.json()["manifests"].as_array().unwrap() {
            assert!(seen.insert(entry["digest"].as_str().unwrap().to_owned()));
        }
        path = answer.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    assert_eq!((seen.len(), path.as_str()), (120, ""));
}
