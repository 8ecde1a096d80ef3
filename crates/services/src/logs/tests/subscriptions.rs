//! Subscription filters: what is accepted, and what is passed on to another group.

use model::Timestamp;
use serde_json::{Value as Json, json};

use super::{NOW, call, messages, names, put, with_streams};
use crate::context::OpCtx;
use crate::logs::delivery::{self, Turn};

fn arn(group: &str) -> String {
    format!("arn:aws:logs:us-east-2:123456789012:log-group:{group}")
}

fn filter(group: &str, name: &str, pattern: &str, destination: &str) -> Json {
    json!({ "logGroupName": group, "filterName": name, "filterPattern": pattern, "destinationArn": destination })
}

async fn group(ctx: &OpCtx, name: &str) {
    call(ctx, "CreateLogGroup", json!({ "logGroupName": name })).await.unwrap();
}

/// Lets every subscription have its turns until nothing is due.
async fn pass_on(ctx: &OpCtx) {
    let now = Timestamp::from_millis(NOW);
    for subscription in delivery::due(&ctx.cloud) {
        while delivery::deliver(&ctx.cloud, &subscription, now, &ctx.ids).await.unwrap() == Turn::More {}
    }
}

async fn found(ctx: &OpCtx, group: &str) -> Vec<String> {
    let answer = call(ctx, "FilterLogEvents", json!({ "logGroupName": group })).await.unwrap();
    messages(&answer).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_comes_in_and_matches_is_passed_on_once() {
    let ctx = with_streams(&["s", "t"]).await;
    group(&ctx, "/errors").await;
    put(&ctx, "s", &[(0, "ERROR before")]).await;
    let errors = filter("/ecs/web", "errors", "ERROR", &arn("/errors"));
    call(&ctx, "PutSubscriptionFilter", errors).await.unwrap();
    assert!(delivery::due(&ctx.cloud).is_empty());
    put(&ctx, "s", &[(5, "ERROR one"), (6, "fine")]).await;
    put(&ctx, "t", &[(-5, "ERROR earlier, but after")]).await;
    pass_on(&ctx).await;
    pass_on(&ctx).await;
    assert_eq!(found(&ctx, "/errors").await, ["ERROR earlier, but after", "ERROR one"]);
    let streams = call(&ctx, "DescribeLogStreams", json!({ "logGroupName": "/errors" })).await.unwrap();
    assert_eq!(names(&streams, "logStreams", "logStreamName"), ["s", "t"]);
    // Out of segments as well as out of memory.
    put(&ctx, "s", &[(7, "ERROR two")]).await;
    ctx.cloud.logs.flush().await.unwrap();
    pass_on(&ctx).await;
    assert_eq!(found(&ctx, "/errors").await.len(), 3);
    assert!(delivery::due(&ctx.cloud).is_empty());
}

#[tokio::test]
async fn a_long_run_is_passed_on_page_by_page_and_goes_on_where_it_was() {
    let ctx = with_streams(&["s"]).await;
    group(&ctx, "/copy").await;
    call(&ctx, "PutSubscriptionFilter", filter("/ecs/web", "all", "", &arn("/copy"))).await.unwrap();
    let line = "x".repeat(2_000);
    let batch: Vec<(i64, &str)> = (0..400).map(|n| (n, line.as_str())).collect();
    for _ in 0..2 {
        for _ in 0..6 {
            put(&ctx, "s", &batch).await;
        }
        // Else a slow disk makes the store ask for patience.
        ctx.cloud.logs.flush().await.unwrap();
    }
    let [subscription] = delivery::due(&ctx.cloud).try_into().unwrap();
    let turn =
        delivery::deliver(&ctx.cloud, &subscription, Timestamp::from_millis(NOW), &ctx.ids).await.unwrap();
    assert_eq!(turn, Turn::More);
    ctx.cloud.logs.flush().await.unwrap();
    pass_on(&ctx).await;
    assert_eq!(ctx.cloud.logs.newest(), 2 * 12 * 400, "every event arrived once in each group");
}

#[tokio::test]
async fn loops_and_other_destinations_are_refused() {
    let ctx = with_streams(&[]).await;
    for name in ["/b", "/c"] {
        group(&ctx, name).await;
    }
    let refused = async |input: Json, expected: &str| {
        let told = call(&ctx, "PutSubscriptionFilter", input.clone()).await.unwrap_err();
        assert!(told.starts_with("InvalidParameterException") && told.contains(expected), "{input}: {told}");
    };
    refused(filter("/b", "f", "", &arn("/b")), "back to it").await;
    call(&ctx, "PutSubscriptionFilter", filter("/b", "f", "", &arn("/c"))).await.unwrap();
    call(&ctx, "PutSubscriptionFilter", filter("/c", "f", "", &arn("/ecs/web"))).await.unwrap();
    refused(filter("/ecs/web", "f", "", &arn("/b")), "back to it").await;
    refused(filter("/b", "g", "", &arn("/missing")), "Could not deliver test message").await;
    refused(filter("/b", "g", "", "arn:aws:kinesis:us-east-2:123456789012:stream/x"), "kinesis").await;
    refused(filter("/b", "g", "", "arn:aws:lambda:us-east-2:123456789012:function:x"), "lambda").await;
    refused(filter("/b", "g", "", "nonsense"), "neither an ARN").await;
    refused(filter("/b", "g", "", "http://127.0.0.1:1/"), "Could not deliver test message").await;
    let mut with = filter("/b", "g", "", &arn("/c"));
    with["roleArn"] = json!("arn:aws:iam::123456789012:role/x");
    refused(with, "roleArn").await;
    let mut with = filter("/b", "g", "", &arn("/c"));
    with["distribution"] = json!("Random");
    refused(with, "Kinesis").await;
    refused(filter("/b", "g", "{ $.x = ", &arn("/c")), "must end with").await;
}

#[tokio::test]
async fn a_group_has_two_subscriptions() {
    let ctx = with_streams(&[]).await;
    for name in ["/b", "/c"] {
        group(&ctx, name).await;
    }
    for (name, to) in [("one", "/b"), ("two", "/c"), ("two", "/b")] {
        call(&ctx, "PutSubscriptionFilter", filter("/ecs/web", name, "", &arn(to))).await.unwrap();
    }
    let third = filter("/ecs/web", "three", "", &arn("/c"));
    let told = call(&ctx, "PutSubscriptionFilter", third).await.unwrap_err();
    assert_eq!(told, "LimitExceededException: Resource limit exceeded.");
    let list = json!({ "logGroupName": "/ecs/web", "limit": 1 });
    let page = call(&ctx, "DescribeSubscriptionFilters", list).await.unwrap();
    assert_eq!(names(&page, "subscriptionFilters", "filterName"), ["one"]);
    let rest = json!({ "logGroupName": "/ecs/web", "nextToken": page["nextToken"] });
    let page = call(&ctx, "DescribeSubscriptionFilters", rest).await.unwrap();
    assert_eq!(page["subscriptionFilters"][0]["destinationArn"], arn("/b"));
    let one = json!({ "logGroupName": "/ecs/web", "filterName": "one" });
    call(&ctx, "DeleteSubscriptionFilter", one.clone()).await.unwrap();
    let told = call(&ctx, "DeleteSubscriptionFilter", one).await.unwrap_err();
    assert_eq!(told, "ResourceNotFoundException: The specified subscription filter does not exist.");
}
