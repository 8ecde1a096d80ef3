//! The room from outside: requests and answers as JSON documents, refusals as code and text.

use ::wire::protocol::json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::ecr::Algorithm;
use registry::digest_of;
use serde_json::{Value as Json, json};

use crate::context::OpCtx;
use crate::ecr::ROOM;
use crate::{runner, testing};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Answers `operation`, or says `Code: text`.
async fn call(ctx: &OpCtx, operation: &str, input: Json) -> Result<Json, String> {
    let model = ROOM.service.operation(operation).unwrap();
    let body = serde_json::to_vec(&input).unwrap();
    let input = json::decode(model, &body).unwrap();
    match runner::run(&ROOM, model, ctx.clone(), input).await {
        Ok(output) => {
            let body = json::encode(model, &output);
            Ok(if body.is_empty() { json!({}) } else { serde_json::from_slice(&body).unwrap() })
        }
        Err(error) => Err(error.to_string()),
    }
}

async fn refuses(ctx: &OpCtx, operation: &str, input: Json, expected: &str) {
    let refusal = call(ctx, operation, input).await.expect_err(operation);
    assert_eq!(refusal, expected);
}

/// A context with the repository `web`.
async fn with_repository() -> OpCtx {
    let ctx = testing::ctx().await;
    call(&ctx, "CreateRepository", json!({ "repositoryName": "web" })).await.unwrap();
    ctx
}

fn sha256(bytes: &[u8]) -> String {
    digest_of(Algorithm::Sha256, bytes).to_string()
}

/// Uploads a layer by the API's own way; answers its digest.
async fn layer(ctx: &OpCtx, content: &str) -> String {
    let begun = call(ctx, "InitiateLayerUpload", json!({ "repositoryName": "web" })).await.unwrap();
    let upload = &begun["uploadId"];
    let part = json!({
        "repositoryName": "web", "uploadId": upload, "partFirstByte": 0, "partLastByte": content.len() - 1,
        "layerPartBlob": STANDARD.encode(content),
    });
    let sent = call(ctx, "UploadLayerPart", part).await.unwrap();
    assert_eq!(sent["lastByteReceived"], content.len() - 1);
    let digest = sha256(content.as_bytes());
    let complete = json!({ "repositoryName": "web", "uploadId": upload, "layerDigests": [digest] });
    match call(ctx, "CompleteLayerUpload", complete).await {
        Ok(answer) => assert_eq!(answer["layerDigest"], digest),
        Err(refusal) => assert!(refusal.starts_with("LayerAlreadyExistsException"), "{refusal}"),
    }
    digest
}

/// The manifest of an image whose layers are there.
async fn manifest(ctx: &OpCtx, content: &str) -> String {
    let (config, layer_digest) = (layer(ctx, "{}").await, layer(ctx, content).await);
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer_digest, "size": content.len()}],
    })
    .to_string()
}

async fn image(ctx: &OpCtx, tag: &str, content: &str) -> String {
    let manifest = manifest(ctx, content).await;
    let input = json!({ "repositoryName": "web", "imageManifest": manifest, "imageTag": tag });
    match call(ctx, "PutImage", input).await {
        Ok(answer) => assert_eq!(answer["image"]["imageId"]["imageTag"], tag),
        Err(refusal) => assert!(refusal.starts_with("ImageAlreadyExistsException"), "{refusal}"),
    }
    sha256(manifest.as_bytes())
}

#[tokio::test]
async fn a_repository_is_described_as_it_was_made() {
    let ctx = testing::ctx().await;
    let input = json!({
        "repositoryName": "team/web",
        "tags": [{"Key": "team", "Value": "a"}],
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "dev*"}],
        "imageScanningConfiguration": {"scanOnPush": true},
    });
    let made = call(&ctx, "CreateRepository", input).await.unwrap();
    let expected = json!({
        "repositoryArn": "arn:aws:ecr:us-east-2:123456789012:repository/team/web",
        "registryId": "123456789012",
        "repositoryName": "team/web",
        "repositoryUri": "127.0.0.1:4566/team/web",
        "createdAt": 1_700_000_000,
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "dev*"}],
        "imageScanningConfiguration": {"scanOnPush": true},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    });
    let same = |found: &Json| {
        let mut found = found.clone();
        assert_eq!(found["createdAt"].as_f64(), Some(1_700_000_000.0));
        found["createdAt"] = json!(1_700_000_000);
        assert_eq!(found, expected);
    };
    same(&made["repository"]);
    let all = call(&ctx, "DescribeRepositories", json!({})).await.unwrap();
    same(&all["repositories"][0]);
    let arn = expected["repositoryArn"].clone();
    let tags = call(&ctx, "ListTagsForResource", json!({ "resourceArn": arn })).await.unwrap();
    assert_eq!(tags["tags"], json!([{"Key": "team", "Value": "a"}]));
}

#[tokio::test]
async fn repositories_are_refused_in_ecrs_words() {
    let ctx = with_repository().await;
    let web = json!({ "repositoryName": "web" });
    refuses(&ctx, "CreateRepository", web.clone(), "RepositoryAlreadyExistsException: The repository with name 'web' already exists in the registry with id '123456789012'").await;
    refuses(&ctx, "DescribeRepositories", json!({ "repositoryNames": ["web", "nope"] }), "RepositoryNotFoundException: The repository with name 'nope' does not exist in the registry with id '123456789012'").await;
    refuses(&ctx, "ListImages", json!({ "repositoryName": "web", "registryId": "999999999999" }), "RepositoryNotFoundException: The repository with name 'web' does not exist in the registry with id '999999999999'").await;
    refuses(&ctx, "CreateRepository", json!({ "repositoryName": "Web" }), "InvalidParameterException: Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*''").await;
    let filters = json!({ "repositoryName": "x1", "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION" });
    assert!(
        call(&ctx, "CreateRepository", filters).await.unwrap_err().starts_with("InvalidParameterException")
    );
    image(&ctx, "v1", "layer").await;
    refuses(&ctx, "DeleteRepository", web, "RepositoryNotEmptyException: The repository with name 'web' in registry with id '123456789012' cannot be deleted because it still contains images").await;
    let deleted =
        call(&ctx, "DeleteRepository", json!({ "repositoryName": "web", "force": true })).await.unwrap();
    assert_eq!(deleted["repository"]["repositoryName"], "web");
    assert!(
        call(&ctx, "PutSigningConfiguration", json!({ "signingConfiguration": {"rules": []} }))
            .await
            .unwrap_err()
            .starts_with("UnsupportedOperationException")
    );
}

#[tokio::test]
async fn pages_of_repositories_meet() {
    let ctx = testing::ctx().await;
    for number in 0..5 {
        call(&ctx, "CreateRepository", json!({ "repositoryName": format!("r{number}") })).await.unwrap();
    }
    let (mut input, mut seen) = (json!({ "maxResults": 2 }), Vec::new());
    loop {
        let page = call(&ctx, "DescribeRepositories", input.clone()).await.unwrap();
        let names = page["repositories"].as_array().unwrap().iter();
        seen.extend(names.map(|row| row["repositoryName"].as_str().unwrap().to_owned()));
        match page.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(seen, ["r0", "r1", "r2", "r3", "r4"]);
    refuses(&ctx, "DescribeRepositories", json!({ "nextToken": "junk!" }), "InvalidParameterException: Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid nextToken'").await;
}

#[tokio::test]
async fn a_token_opens_the_registry() {
    let ctx = testing::ctx().await;
    let answer = call(&ctx, "GetAuthorizationToken", json!({})).await.unwrap();
    let data = &answer["authorizationData"][0];
    assert_eq!(data["proxyEndpoint"], "http://127.0.0.1:4566");
    assert_eq!(data["expiresAt"].as_f64(), Some(1_700_043_200.0));
    let basic = format!("Basic {}", data["authorizationToken"].as_str().unwrap());
    let request = http::Request::get("/v2/").header("authorization", basic);
    let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
    assert_eq!(ctx.cloud.registry.handle(request, ctx.now).await.status(), 200);
}

#[tokio::test]
async fn an_image_is_put_listed_described_and_got() {
    let ctx = with_repository().await;
    let digest = image(&ctx, "v1", "layer").await;
    image(&ctx, "v2", "layer").await;
    let list = call(&ctx, "ListImages", json!({ "repositoryName": "web", "maxResults": 1 })).await.unwrap();
    assert_eq!(list["imageIds"], json!([{"imageDigest": digest, "imageTag": "v1"}]));
    let rest = json!({ "repositoryName": "web", "nextToken": list["nextToken"] });
    let list = call(&ctx, "ListImages", rest).await.unwrap();
    assert_eq!(list, json!({"imageIds": [{"imageDigest": digest, "imageTag": "v2"}]}));
    for input in [
        json!({ "repositoryName": "web" }),
        json!({ "repositoryName": "web", "imageIds": [{"imageTag": "v1"}, {"imageTag": "v2"}] }),
    ] {
        let described = call(&ctx, "DescribeImages", input).await.unwrap();
        let details = described["imageDetails"].as_array().unwrap();
        assert_eq!(details.len(), 1);
        assert_eq!(details[0]["imageTags"], json!(["v1", "v2"]));
        assert_eq!(
            (&details[0]["imageDigest"], &details[0]["imageSizeInBytes"]),
            (&json!(digest), &json!(7))
        );
        assert_eq!(details[0]["imageManifestMediaType"], MANIFEST);
        assert_eq!(details[0]["imagePushedAt"].as_f64(), Some(1_700_000_000.0));
    }
    let wanted = json!([{"imageTag": "v1"}, {"imageTag": "none"}, {"imageDigest": "x"}, {}, {"imageTag": "v1", "imageDigest": sha256(b"x")}]);
    let got =
        call(&ctx, "BatchGetImage", json!({ "repositoryName": "web", "imageIds": wanted })).await.unwrap();
    assert_eq!(got["images"][0]["imageId"], json!({"imageDigest": digest, "imageTag": "v1"}));
    assert_eq!(sha256(got["images"][0]["imageManifest"].as_str().unwrap().as_bytes()), digest);
    let codes: Vec<_> =
        got["failures"].as_array().unwrap().iter().map(|f| f["failureCode"].as_str().unwrap()).collect();
    assert_eq!(
        codes,
        ["ImageNotFound", "InvalidImageDigest", "MissingDigestAndTag", "ImageTagDoesNotMatchDigest"]
    );
    let described = call(&ctx, "DescribeImages", json!({ "repositoryName": "web" })).await.unwrap();
    assert_eq!(described["imageDetails"][0]["lastRecordedPullTime"].as_f64(), Some(1_700_000_000.0));
    refuses(&ctx, "DescribeImages", json!({ "repositoryName": "web", "imageIds": [{"imageTag": "none"}] }), "ImageNotFoundException: The image with imageId {imageDigest:'null', imageTag:'none'} does not exist within the repository with name 'web' in the registry with id '123456789012'").await;
}

#[tokio::test]
async fn images_are_refused_in_ecrs_words() {
    let ctx = with_repository().await;
    let digest = image(&ctx, "v1", "layer").await;
    let manifest = manifest(&ctx, "layer").await;
    let put = |extra: Json| {
        let mut input = json!({ "repositoryName": "web", "imageManifest": manifest, "imageTag": "v1" });
        input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        input
    };
    refuses(&ctx, "PutImage", put(json!({})), &format!("ImageAlreadyExistsException: Image with digest '{digest}' and tag 'v1' already exists in the repository with name 'web' in registry with id '123456789012'")).await;
    refuses(&ctx, "PutImage", put(json!({ "imageDigest": sha256(b"x") })), "ImageDigestDoesNotMatchException: The specified digest does not match the digest calculated for the image").await;
    let missing = sha256(b"missing");
    let broken = manifest.replace(&sha256(b"layer"), &missing);
    refuses(&ctx, "PutImage", put(json!({ "imageManifest": broken })), &format!("LayersNotFoundException: Layers with digests '[{missing}]' required for pushing image into repository with name 'web' in the registry with id '123456789012' do not exist")).await;
    assert!(
        call(&ctx, "PutImage", put(json!({ "imageManifest": "{" })))
            .await
            .unwrap_err()
            .starts_with("InvalidParameterException: Invalid parameter at 'ImageManifest'")
    );
    call(
        &ctx,
        "PutImageTagMutability",
        json!({ "repositoryName": "web", "imageTagMutability": "IMMUTABLE" }),
    )
    .await
    .unwrap();
    let other = self::manifest(&ctx, "other").await;
    refuses(&ctx, "PutImage", put(json!({ "imageManifest": other })), "ImageTagAlreadyExistsException: The image tag 'v1' already exists in the 'web' repository and cannot be overwritten because the tag is immutable.").await;
}

#[tokio::test]
async fn images_are_deleted_by_tag_and_by_digest() {
    let ctx = with_repository().await;
    let digest = image(&ctx, "v1", "layer").await;
    image(&ctx, "v2", "layer").await;
    let delete = |id: Json| {
        let ctx = &ctx;
        async move {
            call(ctx, "BatchDeleteImage", json!({ "repositoryName": "web", "imageIds": [id] })).await.unwrap()
        }
    };
    let gone = delete(json!({"imageTag": "v1"})).await;
    assert_eq!(gone, json!({"imageIds": [{"imageDigest": digest, "imageTag": "v1"}], "failures": []}));
    // The last tag takes the image with it.
    delete(json!({"imageTag": "v2"})).await;
    assert_eq!(
        call(&ctx, "ListImages", json!({ "repositoryName": "web" })).await.unwrap()["imageIds"],
        json!([])
    );
    assert_eq!(
        delete(json!({"imageDigest": digest})).await["failures"][0]["failureReason"],
        "Requested image not found"
    );
    image(&ctx, "v1", "layer").await;
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [{"mediaType": MANIFEST, "digest": digest, "size": 1}]}).to_string();
    call(&ctx, "PutImage", json!({ "repositoryName": "web", "imageManifest": index, "imageTag": "all" }))
        .await
        .unwrap();
    let parent = sha256(index.as_bytes());
    let refused = delete(json!({"imageDigest": digest})).await;
    assert_eq!(refused["failures"][0]["failureCode"], "ImageReferencedByManifestList");
    assert_eq!(
        refused["failures"][0]["failureReason"],
        format!("Requested image referenced by manifest list: [{parent}]")
    );
    let both = json!([{"imageDigest": digest}, {"imageDigest": parent}]);
    let gone =
        call(&ctx, "BatchDeleteImage", json!({ "repositoryName": "web", "imageIds": both })).await.unwrap();
    assert_eq!((gone["imageIds"].as_array().unwrap().len(), &gone["failures"]), (2, &json!([])));
}

#[tokio::test]
async fn layers_are_checked_and_downloaded() {
    let ctx = with_repository().await;
    let digest = layer(&ctx, "layer").await;
    let missing = sha256(b"missing");
    let asked = json!({ "repositoryName": "web", "layerDigests": [digest, missing, "junk"] });
    let answer = call(&ctx, "BatchCheckLayerAvailability", asked).await.unwrap();
    assert_eq!(
        answer["layers"],
        json!([
            {"layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": 5},
            {"layerDigest": missing, "layerAvailability": "UNAVAILABLE"},
        ])
    );
    assert_eq!(answer["failures"][0]["failureCode"], "InvalidLayerDigest");
    let url = call(&ctx, "GetDownloadUrlForLayer", json!({ "repositoryName": "web", "layerDigest": digest }))
        .await
        .unwrap();
    let url = url["downloadUrl"].as_str().unwrap().strip_prefix("http://127.0.0.1:4566").unwrap().to_owned();
    let request = http::Request::get(url).body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
    assert_eq!(ctx.cloud.registry.handle(request, ctx.now).await.status(), 200);
    let lost = json!({ "repositoryName": "web", "layerDigest": missing });
    assert!(
        call(&ctx, "GetDownloadUrlForLayer", lost).await.unwrap_err().starts_with("LayersNotFoundException")
    );
}

#[tokio::test]
async fn broken_uploads_are_refused() {
    let ctx = with_repository().await;
    let begun = call(&ctx, "InitiateLayerUpload", json!({ "repositoryName": "web" })).await.unwrap();
    let upload = begun["uploadId"].clone();
    let part = |first: i64, last: i64, content: &str| json!({ "repositoryName": "web", "uploadId": upload, "partFirstByte": first, "partLastByte": last, "layerPartBlob": STANDARD.encode(content) });
    let complete = |upload: &Json, digest: &str| json!({ "repositoryName": "web", "uploadId": upload, "layerDigests": [digest] });
    let starts = |refusal: Result<Json, String>, code: &str| {
        assert!(refusal.as_ref().unwrap_err().starts_with(code), "{refusal:?}")
    };
    let digest = sha256(b"layer");
    starts(call(&ctx, "CompleteLayerUpload", complete(&upload, &digest)).await, "EmptyUploadException");
    starts(call(&ctx, "UploadLayerPart", part(3, 7, "layer")).await, "InvalidLayerPartException");
    starts(call(&ctx, "UploadLayerPart", part(0, 9, "layer")).await, "InvalidLayerPartException");
    call(&ctx, "UploadLayerPart", part(0, 4, "layer")).await.unwrap();
    starts(
        call(&ctx, "CompleteLayerUpload", complete(&upload, &sha256(b"x"))).await,
        "InvalidLayerException",
    );
    call(&ctx, "CompleteLayerUpload", complete(&upload, &digest)).await.unwrap();
    starts(call(&ctx, "CompleteLayerUpload", complete(&upload, &digest)).await, "UploadNotFoundException");
}

#[tokio::test]
async fn tags_of_a_repository_come_and_go() {
    let ctx = with_repository().await;
    let arn = "arn:aws:ecr:us-east-2:123456789012:repository/web";
    let tag = |key: &str| json!({ "resourceArn": arn, "tags": [{"Key": key, "Value": "1"}] });
    call(&ctx, "TagResource", tag("a")).await.unwrap();
    call(&ctx, "TagResource", tag("b")).await.unwrap();
    call(&ctx, "UntagResource", json!({ "resourceArn": arn, "tagKeys": ["a", "none"] })).await.unwrap();
    let tags = call(&ctx, "ListTagsForResource", json!({ "resourceArn": arn })).await.unwrap();
    assert_eq!(tags["tags"], json!([{"Key": "b", "Value": "1"}]));
    refuses(&ctx, "ListTagsForResource", json!({ "resourceArn": "web" }), "InvalidParameterException: Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'").await;
    assert!(
        call(&ctx, "TagResource", tag("aws:x"))
            .await
            .unwrap_err()
            .starts_with("InvalidTagParameterException")
    );
    let many: Vec<_> = (0..50).map(|n| json!({"Key": format!("k{n}"), "Value": ""})).collect();
    refuses(
        &ctx,
        "TagResource",
        json!({ "resourceArn": arn, "tags": many }),
        "TooManyTagsException: One resource can have up to 50 tags",
    )
    .await;
}

#[tokio::test]
async fn policies_are_kept_as_they_were_given() {
    let ctx = with_repository().await;
    let web = json!({ "repositoryName": "web" });
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let missing = "RepositoryPolicyNotFoundException: Repository policy does not exist for the repository with name 'web' in the registry with id '123456789012'";
    refuses(&ctx, "GetRepositoryPolicy", web.clone(), missing).await;
    call(&ctx, "SetRepositoryPolicy", json!({ "repositoryName": "web", "policyText": policy }))
        .await
        .unwrap();
    assert_eq!(call(&ctx, "GetRepositoryPolicy", web.clone()).await.unwrap()["policyText"], policy);
    assert_eq!(call(&ctx, "DeleteRepositoryPolicy", web.clone()).await.unwrap()["policyText"], policy);
    refuses(&ctx, "DeleteRepositoryPolicy", web, missing).await;
    let broken = json!({ "repositoryName": "web", "policyText": "{}" });
    refuses(&ctx, "SetRepositoryPolicy", broken, "InvalidParameterException: Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'").await;
    let missing = "RegistryPolicyNotFoundException: Registry policy does not exist in the registry with id '123456789012'";
    refuses(&ctx, "GetRegistryPolicy", json!({}), missing).await;
    call(&ctx, "PutRegistryPolicy", json!({ "policyText": policy })).await.unwrap();
    assert_eq!(call(&ctx, "GetRegistryPolicy", json!({})).await.unwrap()["policyText"], policy);
    call(&ctx, "DeleteRegistryPolicy", json!({})).await.unwrap();
    refuses(&ctx, "DeleteRegistryPolicy", json!({}), missing).await;
}

#[tokio::test]
async fn a_lifecycle_policy_is_previewed_and_acted_on() {
    let ctx = with_repository().await;
    let old = image(&ctx, "v1", "one").await;
    let mut later = ctx.clone();
    later.now = ctx.now + std::time::Duration::from_secs(60);
    image(&later, "v2", "two").await;
    let text = json!({"rules": [{"rulePriority": 1, "description": "keep one", "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}}]}).to_string();
    let web = json!({ "repositoryName": "web" });
    refuses(&ctx, "GetLifecyclePolicy", web.clone(), "LifecyclePolicyNotFoundException: Lifecycle policy does not exist for the repository with name 'web' in the registry with id '123456789012'").await;
    call(&ctx, "PutLifecyclePolicy", json!({ "repositoryName": "web", "lifecyclePolicyText": text }))
        .await
        .unwrap();
    assert_eq!(call(&ctx, "GetLifecyclePolicy", web.clone()).await.unwrap()["lifecyclePolicyText"], text);
    assert!(
        call(&ctx, "GetLifecyclePolicyPreview", web.clone())
            .await
            .unwrap_err()
            .starts_with("LifecyclePolicyPreviewNotFoundException")
    );
    call(&ctx, "StartLifecyclePolicyPreview", web.clone()).await.unwrap();
    let preview = call(&later, "GetLifecyclePolicyPreview", web.clone()).await.unwrap();
    assert_eq!(
        (&preview["status"], &preview["summary"]["expiringImageTotalCount"]),
        (&json!("COMPLETE"), &json!(1))
    );
    assert_eq!(
        (&preview["previewResults"][0]["imageDigest"], &preview["previewResults"][0]["imageTags"]),
        (&json!(old), &json!(["v1"]))
    );
    assert_eq!(ctx.cloud.registry.reap(later.now).await.unwrap().images, 1);
    let list = call(&ctx, "ListImages", web.clone()).await.unwrap();
    assert_eq!(list["imageIds"][0]["imageTag"], "v2");
    let evaluated = call(&ctx, "DeleteLifecyclePolicy", web).await.unwrap();
    assert_eq!(evaluated["lastEvaluatedAt"].as_f64(), Some(1_700_000_060.0));
    let broken =
        json!({ "repositoryName": "web", "lifecyclePolicyText": format!("{{{}}}", " ".repeat(100)) });
    assert!(call(&ctx, "PutLifecyclePolicy", broken).await.unwrap_err().starts_with("InvalidParameterException: Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure"));
}

#[tokio::test]
async fn referrers_are_listed_by_type() {
    let ctx = with_repository().await;
    let subject = image(&ctx, "v1", "layer").await;
    let mut artifact: Json = serde_json::from_str(&manifest(&ctx, "sbom").await).unwrap();
    artifact["artifactType"] = json!("example/sbom");
    artifact["subject"] = json!({"mediaType": MANIFEST, "digest": subject, "size": 1});
    let put = json!({ "repositoryName": "web", "imageManifest": artifact.to_string(), "imageTag": "sbom" });
    call(&ctx, "PutImage", put).await.unwrap();
    let ask = |types: Json| json!({ "repositoryName": "web", "subjectId": {"imageDigest": subject}, "filter": {"artifactTypes": types} });
    let found = call(&ctx, "ListImageReferrers", ask(json!(["example/sbom"]))).await.unwrap();
    assert_eq!(found["referrers"][0]["digest"], sha256(artifact.to_string().as_bytes()));
    let found = call(&ctx, "ListImageReferrers", ask(json!(["other"]))).await.unwrap();
    assert_eq!(found["referrers"], json!([]));
}

#[tokio::test]
async fn a_backfill_is_one_a_region_and_stops_when_told() {
    let ctx = with_repository().await;
    let destination = json!({"region": "eu-west-1", "registryId": ctx.scope.account.as_str()});
    let rules = json!({"replicationConfiguration": {"rules": [{"destinations": [destination]}]}});
    call(&ctx, "PutReplicationConfiguration", rules).await.unwrap();
    let start = json!({ "destination": destination });
    let begun = call(&ctx, "StartReplicationBackfill", start.clone()).await.unwrap();
    let wanted = json!({"replicationBackfillId": begun["replicationBackfillId"]});
    let twice = "ReplicationBackfillInProgressException: A replication backfill for the region 'eu-west-1' is already in progress";
    refuses(&ctx, "StartReplicationBackfill", start.clone(), twice).await;
    let described = call(&ctx, "DescribeReplicationBackfillResults", wanted.clone()).await.unwrap();
    assert_eq!((&described["status"], &described["progress"]), (&json!("PREPARING"), &Json::Null));
    let stopped = call(&ctx, "StopReplicationBackfill", wanted.clone()).await.unwrap();
    assert_eq!(stopped["status"], "STOPPED");
    let again = call(&ctx, "StopReplicationBackfill", wanted).await.unwrap_err();
    assert!(again.starts_with("ReplicationBackfillInvalidStatusException"), "{again}");
    call(&ctx, "StartReplicationBackfill", start).await.unwrap();
}
