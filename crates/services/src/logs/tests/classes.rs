//! What the classes of groups refuse.

use serde_json::json;

use super::call;
use crate::testing;

#[tokio::test]
async fn an_infrequent_group_is_read_but_not_filtered_into_metrics() {
    let ctx = testing::ctx().await;
    let class = json!({ "logGroupName": "/rare", "logGroupClass": "INFREQUENT_ACCESS" });
    call(&ctx, "CreateLogGroup", class).await.unwrap();
    let read = json!({ "logGroupName": "/rare" });
    call(&ctx, "FilterLogEvents", read).await.unwrap();
    let filter = json!({ "logGroupName": "/rare", "filterName": "f", "filterPattern": "",
        "metricTransformations": [{ "metricName": "m", "metricNamespace": "n", "metricValue": "1" }] });
    let refused = call(&ctx, "PutMetricFilter", filter).await.unwrap_err();
    assert!(refused.starts_with("InvalidOperationException"), "{refused}");
    let arn = "arn:aws:logs:us-east-2:123456789012:log-group:/rare";
    let refused = call(&ctx, "StartLiveTail", json!({ "logGroupIdentifiers": [arn] })).await.unwrap_err();
    assert!(refused.starts_with("InvalidOperationException"), "{refused}");
}

#[tokio::test]
async fn a_delivery_group_keeps_a_day_and_is_not_read() {
    let ctx = testing::ctx().await;
    call(&ctx, "CreateLogGroup", json!({ "logGroupName": "/pass", "logGroupClass": "DELIVERY" }))
        .await
        .unwrap();
    let shown = call(&ctx, "DescribeLogGroups", json!({ "logGroupClass": "DELIVERY" })).await.unwrap();
    assert_eq!(shown["logGroups"][0]["retentionInDays"], 1);
    for (operation, input) in [
        ("FilterLogEvents", json!({ "logGroupName": "/pass" })),
        ("PutRetentionPolicy", json!({ "logGroupName": "/pass", "retentionInDays": 7 })),
        ("DeleteRetentionPolicy", json!({ "logGroupName": "/pass" })),
    ] {
        let refused = call(&ctx, operation, input).await.unwrap_err();
        assert!(refused.starts_with("InvalidParameterException"), "{operation}: {refused}");
    }
    let essentials = json!({ "logGroupName": "/no", "logGroupClass": "ESSENTIALS" });
    assert!(call(&ctx, "CreateLogGroup", essentials).await.is_err());
}

#[tokio::test]
async fn rules_of_single_operations_hold() {
    let ctx = testing::ctx().await;
    let told = call(&ctx, "CreateLogGroup", json!({ "logGroupName": "AWS/mine" })).await.unwrap_err();
    assert_eq!(told, "InvalidParameterException: Log groups starting with AWS/ are reserved for AWS.");
    call(&ctx, "CreateLogGroup", json!({ "logGroupName": "/a" })).await.unwrap();
    call(&ctx, "CreateLogStream", json!({ "logGroupName": "/a", "logStreamName": "s" })).await.unwrap();
    let early = json!({ "logGroupName": "/a", "startFromHead": false, "startTime": 1_600_000_000_000_i64 });
    assert!(call(&ctx, "FilterLogEvents", early).await.unwrap_err().contains("Jan 1, 2024"));
    let with_entity = json!({ "logGroupName": "/a", "logStreamName": "s",
        "logEvents": [{ "timestamp": super::NOW, "message": "x" }],
        "entity": { "keyAttributes": { "Type": "Service", "Name": "web" } } });
    let answer = call(&ctx, "PutLogEvents", with_entity).await.unwrap();
    assert_eq!(answer["rejectedEntityInfo"]["errorType"], "UnsupportedLogGroupType");
}
