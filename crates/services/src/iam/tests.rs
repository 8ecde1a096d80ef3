//! Server certificates, asked for as clients do it; in JSON, which is easier to read than forms and XML.

use serde_json::{Value as Json, json};

use super::{ROOM, certificates};
use crate::context::OpCtx;
use crate::testing;

/// A certificate for `web.test` and `*.web.test` with its key, and the key of another; of no use elsewhere.
const CERTIFICATE: &str = include_str!("testdata/certificate.pem");
const KEY: &str = include_str!("testdata/key.pem");
const OTHER_KEY: &str = include_str!("testdata/other_key.pem");

async fn call(ctx: &OpCtx, operation: &str, input: Json) -> Result<Json, String> {
    let model = ROOM.service.operation(operation).expect("the operation is modelled");
    let body = serde_json::to_vec(&input).unwrap();
    let input = ::wire::protocol::json::decode(model, &body).expect("the input has the model's types");
    let output = crate::runner::run(&ROOM, model, ctx.clone(), input).await;
    let bytes = ::wire::protocol::json::encode(model, &output.map_err(|error| error.to_string())?);
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn refused(ctx: &OpCtx, operation: &str, input: Json, expected: &str) {
    let found = call(ctx, operation, input).await.expect_err(operation);
    assert!(found.starts_with(expected), "{operation}: {found}");
}

fn upload(name: &str) -> Json {
    json!({ "ServerCertificateName": name, "CertificateBody": CERTIFICATE, "PrivateKey": KEY })
}

#[tokio::test]
async fn a_certificate_is_kept_with_its_key_sealed() {
    let ctx = testing::ctx().await;
    let made = call(&ctx, "UploadServerCertificate", upload("web")).await.unwrap();
    let metadata = &made["ServerCertificateMetadata"];
    let arn = "arn:aws:iam::123456789012:server-certificate/web";
    assert_eq!((metadata["Arn"].as_str(), metadata["Path"].as_str()), (Some(arn), Some("/")));
    let shown = call(&ctx, "GetServerCertificate", json!({ "ServerCertificateName": "web" })).await.unwrap();
    assert_eq!(shown["ServerCertificate"]["CertificateBody"], CERTIFICATE);
    assert_eq!(&shown["ServerCertificate"]["ServerCertificateMetadata"], metadata);
    let snapshot = ctx.cloud.store.snapshot();
    let opened = certificates::open(&ctx.cloud, &snapshot, arn).unwrap();
    assert_eq!(
        (opened.key_pem.as_str(), &opened.names[..]),
        (KEY, &["web.test".into(), "*.web.test".into()][..])
    );
    let row = super::store::certificate(&snapshot, &ctx.scope.account, "web").unwrap();
    let stored = String::from_utf8(model::Record::encode(&*row.row)).unwrap();
    assert!(!stored.contains("PRIVATE KEY"), "the key is stored in the clear");
    let list = call(&ctx, "ListServerCertificates", json!({})).await.unwrap();
    assert_eq!(list["ServerCertificateMetadataList"], json!([metadata]));
    call(&ctx, "DeleteServerCertificate", json!({ "ServerCertificateName": "web" })).await.unwrap();
    refused(&ctx, "GetServerCertificate", json!({ "ServerCertificateName": "web" }), "NoSuchEntity: ").await;
    refused(&ctx, "DeleteServerCertificate", json!({ "ServerCertificateName": "web" }), "NoSuchEntity: ")
        .await;
}

#[tokio::test]
async fn what_is_no_pair_is_refused() {
    let ctx = testing::ctx().await;
    for (member, value, expected) in [
        ("PrivateKey", OTHER_KEY, "KeyPairMismatch: "),
        ("PrivateKey", "x", "MalformedCertificate: Unable to parse private key"),
        ("CertificateBody", "x", "MalformedCertificate: Unable to parse certificate"),
        ("CertificateChain", "x", "MalformedCertificate: Unable to parse certificate chain"),
        ("ServerCertificateName", "a b", "ValidationError: "),
        ("Path", "a", "ValidationError: "),
    ] {
        let mut input = upload("web");
        input[member] = json!(value);
        refused(&ctx, "UploadServerCertificate", input, expected).await;
    }
    call(&ctx, "UploadServerCertificate", upload("web")).await.unwrap();
    refused(&ctx, "UploadServerCertificate", upload("web"), "EntityAlreadyExists: ").await;
}

#[tokio::test]
async fn pages_show_every_certificate_once() {
    let ctx = testing::ctx().await;
    for name in ["a", "b", "c"] {
        call(&ctx, "UploadServerCertificate", upload(name)).await.unwrap();
    }
    let first = call(&ctx, "ListServerCertificates", json!({ "MaxItems": 2 })).await.unwrap();
    assert_eq!(
        (first["IsTruncated"].as_bool(), first["ServerCertificateMetadataList"].as_array().unwrap().len()),
        (Some(true), 2)
    );
    let second = call(&ctx, "ListServerCertificates", json!({ "Marker": first["Marker"] })).await.unwrap();
    assert_eq!(second["ServerCertificateMetadataList"][0]["ServerCertificateName"], "c");
    refused(&ctx, "ListServerCertificates", json!({ "Marker": "%" }), "ValidationError: ").await;
}

#[tokio::test]
async fn a_certificate_in_use_is_not_deleted() {
    let ctx = testing::ctx().await;
    let made = call(&ctx, "UploadServerCertificate", upload("web")).await.unwrap();
    let arn = made["ServerCertificateMetadata"]["Arn"].as_str().unwrap().to_owned();
    let user = ctx.arn("elasticloadbalancing", "listener/app/web/1/2");
    let hold = |before: &[String], after: &[String]| {
        certificates::hold(&ctx.cloud.store.snapshot(), store::Txn::new(), &user, before, after)
    };
    ctx.cloud.store.commit(hold(&[], std::slice::from_ref(&arn))).await.unwrap();
    refused(&ctx, "DeleteServerCertificate", json!({ "ServerCertificateName": "web" }), "DeleteConflict: ")
        .await;
    ctx.cloud.store.commit(hold(&[arn], &[])).await.unwrap();
    call(&ctx, "DeleteServerCertificate", json!({ "ServerCertificateName": "web" })).await.unwrap();
}
