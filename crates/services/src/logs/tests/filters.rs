//! Metric filters: what is kept, what is refused, how they are listed.

use serde_json::{Value as Json, json};

use super::{call, names, with_streams};
use crate::context::OpCtx;

fn metric_filter(name: &str, pattern: &str, transformation: Json) -> Json {
    json!({ "logGroupName": "/ecs/web", "filterName": name, "filterPattern": pattern,
        "metricTransformations": [transformation] })
}

fn counting(metric: &str) -> Json {
    json!({ "metricName": metric, "metricNamespace": "App", "metricValue": "1" })
}

async fn refused(ctx: &OpCtx, pattern: &str, transformation: Json, expected: &str) {
    let told = call(ctx, "PutMetricFilter", metric_filter("bad", pattern, transformation)).await.unwrap_err();
    assert!(told.contains(expected), "{pattern}: {told}");
}

#[tokio::test]
async fn a_metric_filter_is_described_as_it_was_put() {
    let ctx = with_streams(&[]).await;
    let transformation = json!({ "metricName": "Latency", "metricNamespace": "App", "metricValue": "$.ms",
        "dimensions": { "Path": "$.path" }, "unit": "Milliseconds" });
    let put = metric_filter("latency", "{ $.ms > 0 }", transformation.clone());
    call(&ctx, "PutMetricFilter", put).await.unwrap();
    let group = json!({ "logGroupName": "/ecs/web" });
    let shown = call(&ctx, "DescribeMetricFilters", group.clone()).await.unwrap();
    let expected = json!({ "filterName": "latency", "filterPattern": "{ $.ms > 0 }",
        "metricTransformations": [transformation], "creationTime": super::NOW, "logGroupName": "/ecs/web",
        "applyOnTransformedLogs": false });
    assert_eq!(shown["metricFilters"], json!([expected]));
    let groups = call(&ctx, "DescribeLogGroups", json!({})).await.unwrap();
    assert_eq!(groups["logGroups"][0]["metricFilterCount"], 1);
    let name = json!({ "logGroupName": "/ecs/web", "filterName": "latency" });
    call(&ctx, "DeleteMetricFilter", name.clone()).await.unwrap();
    let gone = call(&ctx, "DeleteMetricFilter", name).await.unwrap_err();
    assert_eq!(gone, "ResourceNotFoundException: The specified metric filter does not exist.");
    assert_eq!(call(&ctx, "DescribeMetricFilters", group).await.unwrap()["metricFilters"], json!([]));
}

#[tokio::test]
async fn transformations_that_cannot_be_are_refused() {
    let ctx = with_streams(&[]).await;
    let with = |value: &str| json!({ "metricName": "m", "metricNamespace": "n", "metricValue": value });
    refused(&ctx, "{ $.x = ", counting("m"), "must end with").await;
    refused(&ctx, "ERROR", with("many"), "metric value must be a number").await;
    refused(&ctx, "ERROR", with("$.x"), "the filter pattern has none").await;
    let mut dimensions = counting("m");
    dimensions["dimensions"] = json!({ "a": "$.a" });
    refused(&ctx, "ERROR", dimensions.clone(), "does not support dimensions").await;
    dimensions["defaultValue"] = json!(0);
    refused(&ctx, "{ $.a = * }", dimensions, "mutually exclusive").await;
    let mut four = counting("m");
    four["dimensions"] = json!({ "a": "$.a", "b": "$.b", "c": "$.c", "d": "$.d" });
    refused(&ctx, "{ $.a = * }", four, "at most 3 dimensions").await;
    refused(&ctx, "%a% %b% %c%", counting("m"), "Invalid filter pattern").await;
    let mut transformed = metric_filter("bad", "", counting("m"));
    transformed["applyOnTransformedLogs"] = json!(true);
    assert!(call(&ctx, "PutMetricFilter", transformed).await.unwrap_err().contains("active log transformer"));
}

#[tokio::test]
async fn quotas_of_a_group_hold() {
    let ctx = with_streams(&[]).await;
    for (name, pattern) in [("a", "%1% %2%"), ("b", "%3% %4%"), ("c", "%5%")] {
        call(&ctx, "PutMetricFilter", metric_filter(name, pattern, counting("m"))).await.unwrap();
    }
    let sixth = call(&ctx, "PutMetricFilter", metric_filter("d", "%6%", counting("m"))).await.unwrap_err();
    assert_eq!(sixth, "LimitExceededException: Resource limit exceeded.");
    // A filter's own expressions do not count against its replacement.
    call(&ctx, "PutMetricFilter", metric_filter("c", "%6%", counting("m"))).await.unwrap();
    for number in 3..100 {
        let name = format!("plain-{number:02}");
        call(&ctx, "PutMetricFilter", metric_filter(&name, "", counting("m"))).await.unwrap();
    }
    let full = call(&ctx, "PutMetricFilter", metric_filter("one more", "", counting("m"))).await.unwrap_err();
    assert!(full.starts_with("LimitExceededException"), "{full}");
}

#[tokio::test]
async fn metric_filters_are_listed_by_name_over_groups_and_by_metric() {
    let ctx = with_streams(&[]).await;
    call(&ctx, "CreateLogGroup", json!({ "logGroupName": "/other" })).await.unwrap();
    for (group, name, metric) in
        [("/ecs/web", "b", "M"), ("/other", "a", "M"), ("/ecs/web", "c", "N"), ("/other", "d", "M")]
    {
        let mut put = metric_filter(name, "", counting(metric));
        put["logGroupName"] = json!(group);
        call(&ctx, "PutMetricFilter", put).await.unwrap();
    }
    let listed = async |mut input: Json| {
        let (mut all, mut pages) = (Vec::new(), 0);
        loop {
            let page = call(&ctx, "DescribeMetricFilters", input.clone()).await.unwrap();
            all.extend(names(&page, "metricFilters", "filterName").into_iter().map(str::to_owned));
            pages += 1;
            match page.get("nextToken") {
                Some(token) => input["nextToken"] = token.clone(),
                None => return (all.join(""), pages),
            }
        }
    };
    assert_eq!(listed(json!({ "limit": 1 })).await, ("abcd".to_owned(), 4));
    let metric = json!({ "metricName": "M", "metricNamespace": "App", "limit": 2 });
    assert_eq!(listed(metric).await, ("abd".to_owned(), 2));
    assert_eq!(listed(json!({ "logGroupName": "/ecs/web", "limit": 1 })).await, ("bc".to_owned(), 2));
    let lonely = call(&ctx, "DescribeMetricFilters", json!({ "metricName": "M" })).await.unwrap_err();
    assert!(lonely.starts_with("InvalidParameterException"), "{lonely}");
    call(&ctx, "DeleteLogGroup", json!({ "logGroupName": "/other" })).await.unwrap();
    assert_eq!(listed(json!({})).await, ("bc".to_owned(), 1));
}
