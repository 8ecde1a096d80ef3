//! Export tasks: what is written where, and what is refused.

use std::io::Read;

use ::store::BlobName;
use model::Timestamp;
use serde_json::{Value as Json, json};

use super::{NOW, call, put, with_streams};
use crate::context::OpCtx;
use crate::logs::export;

fn task(prefix: &str) -> Json {
    json!({ "logGroupName": "/ecs/web", "from": NOW, "to": NOW + 1_000, "destination": "my-logs",
        "destinationPrefix": prefix })
}

async fn run(ctx: &OpCtx) {
    export::run_waiting(&ctx.cloud, || Timestamp::from_millis(NOW + 5)).await.unwrap();
}

async fn status(ctx: &OpCtx, id: &Json) -> String {
    let shown = call(ctx, "DescribeExportTasks", json!({ "taskId": id })).await.unwrap();
    shown["exportTasks"][0]["status"]["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_range_is_written_out_stream_by_stream() {
    let ctx = with_streams(&["web/1", "web/2", "other"]).await;
    put(&ctx, "web/1", &[(-10, "too early"), (0, "first"), (1_000, "last")]).await;
    put(&ctx, "web/2", &[(500, "of two"), (2_000, "too late")]).await;
    put(&ctx, "other", &[(1, "not asked for")]).await;
    let mut asked = task("daily/web");
    asked["logStreamNamePrefix"] = json!("web/");
    let id = call(&ctx, "CreateExportTask", asked.clone()).await.unwrap()["taskId"].clone();
    assert_eq!(status(&ctx, &id).await, "PENDING");
    let second = call(&ctx, "CreateExportTask", asked).await.unwrap_err();
    assert_eq!(second, "LimitExceededException: Resource limit exceeded.");
    run(&ctx).await;
    assert_eq!(status(&ctx, &id).await, "COMPLETED");
    let id = id.as_str().unwrap();
    let blobs = &ctx.cloud.blobs;
    let listed = blobs.list("files", None, 100).await.unwrap();
    let listed: Vec<String> = listed.into_iter().map(|blob| blob.name.to_string()).collect();
    let mut expected = [
        "files/my-logs/daily/web/aws-logs-write-test".to_owned(),
        format!("files/my-logs/daily/web/{id}/web-1/000000.gz"),
        format!("files/my-logs/daily/web/{id}/web-2/000000.gz"),
    ];
    expected.sort();
    assert_eq!(listed, expected);
    let name = BlobName::new(format!("files/my-logs/daily/web/{id}/web-1/000000.gz")).unwrap();
    let mut text = String::new();
    let packed = blobs.get(&name).await.unwrap();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, "2023-11-14T22:13:20.000Z first\n2023-11-14T22:13:21.000Z last\n");
}

#[tokio::test]
async fn a_cancelled_task_writes_nothing() {
    let ctx = with_streams(&["s"]).await;
    put(&ctx, "s", &[(0, "x")]).await;
    let id = call(&ctx, "CreateExportTask", task("")).await.unwrap()["taskId"].clone();
    call(&ctx, "CancelExportTask", json!({ "taskId": id })).await.unwrap();
    assert_eq!(status(&ctx, &id).await, "PENDING_CANCEL");
    run(&ctx).await;
    assert_eq!(status(&ctx, &id).await, "CANCELLED");
    assert!(ctx.cloud.blobs.list("files", None, 10).await.unwrap().is_empty());
    let again = call(&ctx, "CancelExportTask", json!({ "taskId": id })).await.unwrap_err();
    assert!(again.starts_with("InvalidOperationException"), "{again}");
    let of_status = json!({ "statusCode": "COMPLETED" });
    assert_eq!(call(&ctx, "DescribeExportTasks", of_status).await.unwrap()["exportTasks"], json!([]));
    let days = |days: i64| Timestamp::from_millis(NOW + days * 24 * 60 * 60 * 1_000);
    export::run_waiting(&ctx.cloud, || days(89)).await.unwrap();
    assert_eq!(status(&ctx, &id).await, "CANCELLED");
    export::run_waiting(&ctx.cloud, || days(91)).await.unwrap();
    assert_eq!(call(&ctx, "DescribeExportTasks", json!({})).await.unwrap()["exportTasks"], json!([]));
}

#[tokio::test]
async fn exports_that_cannot_be_are_refused() {
    let ctx = with_streams(&[]).await;
    let refused = async |change: fn(&mut Json), expected: &str| {
        let mut input = task("p");
        change(&mut input);
        let told = call(&ctx, "CreateExportTask", input).await.unwrap_err();
        assert!(told.contains(expected), "{told}");
    };
    refused(|t| t["to"] = json!(NOW - 1), "must not be later").await;
    refused(|t| (t["from"], t["to"]) = (json!(0), json!(1)), "creation of the log group").await;
    refused(|t| t["destination"] = json!("Not_A_Bucket"), "is not valid").await;
    refused(|t| t["destinationPrefix"] = json!("../up"), "prefix").await;
    refused(|t| t["logGroupName"] = json!("/missing"), "ResourceNotFoundException").await;
    let missing = call(&ctx, "CancelExportTask", json!({ "taskId": "x" })).await.unwrap_err();
    assert_eq!(missing, "ResourceNotFoundException: The specified export task does not exist.");
}
