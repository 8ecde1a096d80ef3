//! The room from outside: requests and answers as JSON documents, refusals as code and text.

use ::wire::protocol::json;
use model::Timestamp;
use serde_json::{Value as Json, json};
use telemetry::{Appended, Event, Source};

use crate::context::OpCtx;
use crate::logs::{ROOM, door};
use crate::{runner, testing};

mod classes;
mod exports;
mod filters;
mod policies;
mod subscriptions;

/// The time of every request; events are placed around it.
const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

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

/// A context with the group `/ecs/web` and its streams.
async fn with_streams(streams: &[&str]) -> OpCtx {
    let ctx = testing::ctx().await;
    call(&ctx, "CreateLogGroup", json!({ "logGroupName": "/ecs/web" })).await.unwrap();
    for stream in streams {
        let input = json!({ "logGroupName": "/ecs/web", "logStreamName": stream });
        call(&ctx, "CreateLogStream", input).await.unwrap();
    }
    ctx
}

async fn put(ctx: &OpCtx, stream: &str, events: &[(i64, &str)]) -> Json {
    let events: Vec<Json> =
        events.iter().map(|(at, text)| json!({ "timestamp": NOW + at, "message": text })).collect();
    let input = json!({ "logGroupName": "/ecs/web", "logStreamName": stream, "logEvents": events });
    call(ctx, "PutLogEvents", input).await.unwrap()
}

fn messages(answer: &Json) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|e| e["message"].as_str().unwrap()).collect()
}

fn names<'a>(answer: &'a Json, list: &str, name: &str) -> Vec<&'a str> {
    answer[list].as_array().unwrap().iter().map(|e| e[name].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_group_is_described_as_it_was_made() {
    let ctx = testing::ctx().await;
    let input = json!({ "logGroupName": "/ecs/web", "tags": { "team": "a" } });
    assert_eq!(call(&ctx, "CreateLogGroup", input).await, Ok(json!({})));
    let policy = json!({ "logGroupName": "/ecs/web", "retentionInDays": 7 });
    call(&ctx, "PutRetentionPolicy", policy).await.unwrap();
    let arn = "arn:aws:logs:us-east-2:123456789012:log-group:/ecs/web";
    let expected = json!({ "logGroups": [{
        "logGroupName": "/ecs/web",
        "creationTime": NOW,
        "retentionInDays": 7,
        "metricFilterCount": 0,
        "arn": format!("{arn}:*"),
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
        "logGroupArn": arn,
        "deletionProtectionEnabled": false,
    }]});
    assert_eq!(call(&ctx, "DescribeLogGroups", json!({})).await, Ok(expected));
    let tags = call(&ctx, "ListTagsForResource", json!({ "resourceArn": arn })).await;
    assert_eq!(tags, Ok(json!({ "tags": { "team": "a" } })));
}

#[tokio::test]
async fn refusals_are_the_services_own() {
    let ctx = with_streams(&["s"]).await;
    let check = async |operation: &str, input: Json, expected: &str| {
        assert_eq!(call(&ctx, operation, input).await.unwrap_err(), expected, "{operation}");
    };
    let no_group = "ResourceNotFoundException: The specified log group does not exist.";
    let no_stream = "ResourceNotFoundException: The specified log stream does not exist.";
    let nowhere = json!({ "logGroupName": "nowhere" });
    let web = |stream: &str| json!({ "logGroupName": "/ecs/web", "logStreamName": stream });
    check(
        "CreateLogGroup",
        json!({ "logGroupName": "/ecs/web" }),
        "ResourceAlreadyExistsException: The specified log group already exists",
    )
    .await;
    check(
        "CreateLogStream",
        web("s"),
        "ResourceAlreadyExistsException: The specified log stream already exists",
    )
    .await;
    for operation in [
        "DeleteLogGroup",
        "DeleteRetentionPolicy",
        "DescribeLogStreams",
        "FilterLogEvents",
        "ListTagsLogGroup",
    ] {
        check(operation, nowhere.clone(), no_group).await;
    }
    check("CreateLogStream", json!({ "logGroupName": "nowhere", "logStreamName": "s" }), no_group).await;
    check("GetLogEvents", web("none"), no_stream).await;
    check("DeleteLogStream", web("none"), no_stream).await;
    check(
        "CreateLogGroup",
        json!({ "logGroupName": "a b" }),
        "InvalidParameterException: 1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy \
         constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
    )
    .await;
    check(
        "PutRetentionPolicy",
        json!({ "logGroupName": "/ecs/web", "retentionInDays": 2 }),
        "InvalidParameterException: 1 validation error detected: Value '2' at 'retentionInDays' failed to satisfy \
         constraint: Member must satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, \
         545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]",
    )
    .await;
    check(
        "FilterLogEvents",
        json!({ "logGroupName": "/ecs/web", "filterPattern": "a:b" }),
        "InvalidParameterException: Invalid character(s) in term ':'",
    )
    .await;
    check(
        "DescribeLogStreams",
        json!({ "logGroupName": "/ecs/web", "orderBy": "LastEventTime", "logStreamNamePrefix": "s" }),
        "InvalidParameterException: Cannot order by LastEventTime with a logStreamNamePrefix.",
    )
    .await;
    check(
        "GetLogEvents",
        json!({ "logGroupName": "/ecs/web", "logStreamName": "s", "nextToken": "x" }),
        "InvalidParameterException: The specified nextToken is invalid.",
    )
    .await;
    check("StartQuery", nowhere, "UnknownOperationException: Longshore does not serve StartQuery.").await;
}

#[tokio::test]
async fn events_out_of_time_are_rejected_and_the_others_stored() {
    let ctx = with_streams(&["s"]).await;
    let answer = put(&ctx, "s", &[(-15 * DAY, "old"), (-HOUR, "a"), (0, "b"), (3 * HOUR, "new")]).await;
    let rejected = json!({ "tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3 });
    assert_eq!(answer["rejectedLogEventsInfo"], rejected);
    assert_eq!(answer["nextSequenceToken"].as_str().unwrap().len(), 56);
    let input = json!({ "logGroupName": "/ecs/web", "logStreamName": "s" });
    let got = call(&ctx, "GetLogEvents", input).await.unwrap();
    assert_eq!(messages(&got), ["a", "b"]);
    assert_eq!(got["events"][0]["timestamp"], NOW - HOUR);
    assert_eq!(got["events"][0]["ingestionTime"], NOW);
}

#[tokio::test]
async fn tokens_walk_a_stream_in_both_directions_and_stand_still_at_its_ends() {
    let ctx = with_streams(&["s"]).await;
    put(&ctx, "s", &[(1, "a"), (2, "b"), (2, "c"), (3, "d")]).await;
    let get = async |token: Option<&Json>, head: bool| {
        let mut input =
            json!({ "logGroupName": "/ecs/web", "logStreamName": "s", "limit": 3, "startFromHead": head });
        if let Some(token) = token {
            input["nextToken"] = token.clone();
        }
        call(&ctx, "GetLogEvents", input).await.unwrap()
    };
    let first = get(None, true).await;
    assert_eq!(messages(&first), ["a", "b", "c"]);
    let second = get(Some(&first["nextForwardToken"]), true).await;
    assert_eq!(messages(&second), ["d"]);
    let end = get(Some(&second["nextForwardToken"]), true).await;
    assert_eq!((messages(&end).len(), &end["nextForwardToken"]), (0, &second["nextForwardToken"]));
    let back = get(Some(&end["nextBackwardToken"]), true).await;
    assert_eq!(messages(&back), ["b", "c", "d"]);

    let tail = get(None, false).await;
    assert_eq!(messages(&tail), ["b", "c", "d"]);
    let before = get(Some(&tail["nextBackwardToken"]), false).await;
    assert_eq!(messages(&before), ["a"]);
    let start = get(Some(&before["nextBackwardToken"]), false).await;
    assert_eq!((messages(&start).len(), &start["nextBackwardToken"]), (0, &before["nextBackwardToken"]));

    put(&ctx, "s", &[(9, "e")]).await;
    assert_eq!(messages(&get(Some(&end["nextForwardToken"]), true).await), ["e"]);
}

#[tokio::test]
async fn a_follower_of_an_empty_stream_sees_its_first_event() {
    let ctx = with_streams(&["s"]).await;
    for head in [true, false] {
        let input = json!({ "logGroupName": "/ecs/web", "logStreamName": "s", "startFromHead": head });
        let empty = call(&ctx, "GetLogEvents", input.clone()).await.unwrap();
        put(&ctx, "s", &[(1, "x")]).await;
        let mut input = input;
        input["nextToken"] = empty["nextForwardToken"].clone();
        assert_eq!(messages(&call(&ctx, "GetLogEvents", input).await.unwrap())[0], "x");
        let stream = json!({ "logGroupName": "/ecs/web", "logStreamName": "s" });
        call(&ctx, "DeleteLogStream", stream.clone()).await.unwrap();
        call(&ctx, "CreateLogStream", stream).await.unwrap();
    }
}

#[tokio::test]
async fn filtering_interleaves_streams_and_pages_through_all() {
    let ctx = with_streams(&["web/1", "web/2", "job/1"]).await;
    put(&ctx, "web/1", &[(1, "GET /a"), (4, "GET /d ERROR")]).await;
    put(&ctx, "web/2", &[(2, "GET /b ERROR"), (5, "GET /e")]).await;
    put(&ctx, "job/1", &[(3, "ERROR c")]).await;
    ctx.cloud.logs.flush().await.unwrap();
    put(&ctx, "web/1", &[(6, "ERROR f")]).await;
    let filter = async |extra: Json| {
        let mut input = json!({ "logGroupName": "/ecs/web" });
        input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        call(&ctx, "FilterLogEvents", input).await.unwrap()
    };
    let all = filter(json!({})).await;
    assert_eq!(messages(&all), ["GET /a", "GET /b ERROR", "ERROR c", "GET /d ERROR", "GET /e", "ERROR f"]);
    assert_eq!(all["events"][1]["logStreamName"], "web/2");
    assert_eq!(all["events"][1]["eventId"].as_str().unwrap().len(), 56);
    assert_eq!(all["searchedLogStreams"], json!([]));
    let errors = filter(json!({ "filterPattern": "ERROR -c" })).await;
    assert_eq!(messages(&errors), ["GET /b ERROR", "GET /d ERROR", "ERROR f"]);
    assert_eq!(messages(&filter(json!({ "logStreamNamePrefix": "job" })).await), ["ERROR c"]);
    let named = filter(json!({ "logStreamNames": ["web/2", "job/1"], "startFromHead": false })).await;
    assert_eq!(messages(&named), ["GET /e", "ERROR c", "GET /b ERROR"]);
    // The end is included.
    assert_eq!(messages(&filter(json!({ "startTime": NOW + 2, "endTime": NOW + 3 })).await).len(), 2);

    let mut paged = Vec::new();
    let mut token = Json::Null;
    loop {
        let mut extra = json!({ "limit": 2 });
        if !token.is_null() {
            extra["nextToken"] = token;
        }
        let page = filter(extra).await;
        paged.extend(messages(&page).into_iter().map(str::to_owned));
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(paged, messages(&all));
}

#[tokio::test]
async fn streams_are_listed_by_name_or_by_their_last_event() {
    let ctx = with_streams(&["a", "b", "c"]).await;
    put(&ctx, "b", &[(-5, "x")]).await;
    put(&ctx, "a", &[(-1, "x"), (0, "y")]).await;
    let list = async |extra: Json| {
        let mut input =
            json!({ "logGroupIdentifier": "arn:aws:logs:us-east-2:123456789012:log-group:/ecs/web" });
        input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        call(&ctx, "DescribeLogStreams", input).await.unwrap()
    };
    let by_name = list(json!({})).await;
    assert_eq!(names(&by_name, "logStreams", "logStreamName"), ["a", "b", "c"]);
    let a = &by_name["logStreams"][0];
    assert_eq!((&a["firstEventTimestamp"], &a["lastEventTimestamp"]), (&json!(NOW - 1), &json!(NOW)));
    assert_eq!(a["arn"], "arn:aws:logs:us-east-2:123456789012:log-group:/ecs/web:log-stream:a");
    let latest = list(json!({ "orderBy": "LastEventTime", "descending": true, "limit": 2 })).await;
    assert_eq!(names(&latest, "logStreams", "logStreamName"), ["a", "b"]);
    let token = &latest["nextToken"];
    let rest = list(json!({ "orderBy": "LastEventTime", "descending": true, "nextToken": token })).await;
    assert_eq!(names(&rest, "logStreams", "logStreamName"), ["c"]);
    assert!(rest.get("nextToken").is_none());
}

#[tokio::test]
async fn groups_are_found_by_prefix_pattern_and_page() {
    let ctx = testing::ctx().await;
    for name in ["/ecs/api", "/ecs/web", "/rds/web", "web"] {
        call(&ctx, "CreateLogGroup", json!({ "logGroupName": name })).await.unwrap();
    }
    let list = async |input: Json| {
        let answer = call(&ctx, "DescribeLogGroups", input).await.unwrap();
        let found =
            names(&answer, "logGroups", "logGroupName").into_iter().map(str::to_owned).collect::<Vec<_>>();
        (found, answer["nextToken"].clone())
    };
    assert_eq!(list(json!({ "logGroupNamePrefix": "/ecs/" })).await.0, ["/ecs/api", "/ecs/web"]);
    assert_eq!(list(json!({ "logGroupNamePattern": "web" })).await.0, ["/ecs/web", "/rds/web", "web"]);
    let short = call(&ctx, "DescribeLogGroups", json!({ "logGroupNamePattern": "rds" })).await.unwrap();
    let arn = "arn:aws:logs:us-east-2:123456789012:log-group:/rds/web:*";
    assert_eq!(short["logGroups"], json!([{ "logGroupName": "/rds/web", "creationTime": NOW, "arn": arn }]));
    let both = json!({ "logGroupIdentifiers": ["web"], "logGroupNamePrefix": "w" });
    assert!(call(&ctx, "DescribeLogGroups", both).await.unwrap_err().starts_with("InvalidParameter"));
    let (first, token) = list(json!({ "limit": 3 })).await;
    assert_eq!(first, ["/ecs/api", "/ecs/web", "/rds/web"]);
    assert_eq!(list(json!({ "limit": 3, "nextToken": token })).await.0, ["web"]);
}

#[tokio::test]
async fn a_group_made_again_does_not_show_its_predecessors_events() {
    let ctx = with_streams(&["s"]).await;
    put(&ctx, "s", &[(0, "old")]).await;
    ctx.cloud.logs.flush().await.unwrap();
    put(&ctx, "s", &[(1, "old too")]).await;
    let group = json!({ "logGroupName": "/ecs/web" });
    call(&ctx, "DeleteLogGroup", group.clone()).await.unwrap();
    assert!(ctx.cloud.logs.groups().is_empty());
    call(&ctx, "CreateLogGroup", group.clone()).await.unwrap();
    let streams = call(&ctx, "DescribeLogStreams", group.clone()).await.unwrap();
    assert_eq!(streams["logStreams"], json!([]));
    assert_eq!(messages(&call(&ctx, "FilterLogEvents", group).await.unwrap()).len(), 0);
}

#[tokio::test]
async fn a_protected_group_is_not_deleted() {
    let ctx = testing::ctx().await;
    let group = json!({ "logGroupName": "g" });
    call(&ctx, "CreateLogGroup", json!({ "logGroupName": "g", "deletionProtectionEnabled": true }))
        .await
        .unwrap();
    let refused = call(&ctx, "DeleteLogGroup", group.clone()).await.unwrap_err();
    assert!(refused.starts_with("ValidationException"), "{refused}");
    let off = json!({ "logGroupIdentifier": "g", "deletionProtectionEnabled": false });
    call(&ctx, "PutLogGroupDeletionProtection", off).await.unwrap();
    assert_eq!(call(&ctx, "DeleteLogGroup", group).await, Ok(json!({})));
}

#[tokio::test]
async fn what_is_expired_is_hidden_at_once_and_swept_later() {
    let mut ctx = with_streams(&["s"]).await;
    put(&ctx, "s", &[(-2 * DAY, "expired"), (-2 * DAY + 1, "too")]).await;
    ctx.cloud.logs.flush().await.unwrap();
    put(&ctx, "s", &[(0, "fresh")]).await;
    let policy = json!({ "logGroupName": "/ecs/web", "retentionInDays": 1 });
    call(&ctx, "PutRetentionPolicy", policy).await.unwrap();
    let group = json!({ "logGroupName": "/ecs/web" });
    assert_eq!(messages(&call(&ctx, "FilterLogEvents", group.clone()).await.unwrap()), ["fresh"]);
    ctx.now = Timestamp::from_millis(NOW + 1);
    let swept = door::sweep(&ctx.cloud, ctx.now).await.unwrap();
    assert_eq!((swept.segments, swept.groups), (1, 0));
    assert_eq!(messages(&call(&ctx, "FilterLogEvents", group).await.unwrap()), ["fresh"]);
}

#[tokio::test]
async fn a_node_opens_a_stream_and_ships_each_line_once() {
    let ctx = testing::ctx().await;
    let target =
        |create_group| door::Target { scope: &ctx.scope, group: "/ecs/new", stream: "app/1", create_group };
    let refused = door::open_stream(&ctx.cloud, target(false), "spool", ctx.now, &ctx.ids).await.unwrap_err();
    assert_eq!((refused.code(), refused.is_retryable()), ("ResourceNotFoundException", false));
    assert_eq!(door::open_stream(&ctx.cloud, target(true), "spool", ctx.now, &ctx.ids).await.unwrap(), 0);
    let event =
        |at: i64, text: &str| Event { timestamp: Timestamp::from_millis(NOW + at), message: text.to_owned() };
    let ship = async || {
        let source = Source { id: "spool".to_owned(), offset: 0, next: 20 };
        let events = vec![event(0, "one"), event(-20 * DAY, "ancient"), event(1, "two")];
        door::ingest(&ctx.cloud, target(false), source, events, ctx.now, &ctx.ids).await.unwrap()
    };
    assert!(matches!(ship().await, Appended::Stored { .. }));
    assert_eq!(ship().await, Appended::Duplicate);
    assert_eq!(door::open_stream(&ctx.cloud, target(true), "spool", ctx.now, &ctx.ids).await.unwrap(), 20);
    let input = json!({ "logGroupName": "/ecs/new", "logStreamName": "app/1" });
    assert_eq!(messages(&call(&ctx, "GetLogEvents", input).await.unwrap()), ["one", "two"]);
}

#[tokio::test]
async fn tags_are_added_removed_and_bounded() {
    let ctx = with_streams(&[]).await;
    let arn = "arn:aws:logs:us-east-2:123456789012:log-group:/ecs/web";
    call(&ctx, "TagResource", json!({ "resourceArn": arn, "tags": { "a": "1", "b": "2" } })).await.unwrap();
    call(&ctx, "TagLogGroup", json!({ "logGroupName": "/ecs/web", "tags": { "c": "3" } })).await.unwrap();
    call(&ctx, "UntagResource", json!({ "resourceArn": arn, "tagKeys": ["a", "none"] })).await.unwrap();
    call(&ctx, "UntagLogGroup", json!({ "logGroupName": "/ecs/web", "tags": ["b"] })).await.unwrap();
    let left = call(&ctx, "ListTagsLogGroup", json!({ "logGroupName": "/ecs/web" })).await.unwrap();
    assert_eq!(left, json!({ "tags": { "c": "3" } }));
    let many: serde_json::Map<String, Json> = (0..50).map(|n| (format!("k{n}"), json!("v"))).collect();
    let refused = call(&ctx, "TagResource", json!({ "resourceArn": arn, "tags": many })).await.unwrap_err();
    assert!(refused.starts_with("TooManyTagsException"), "{refused}");
    let other = json!({ "resourceArn": "arn:aws:logs:us-east-2:123456789012:log-group:none" });
    let refused = call(&ctx, "ListTagsForResource", other).await.unwrap_err();
    assert!(refused.starts_with("ResourceNotFoundException"), "{refused}");
}

#[tokio::test]
async fn a_metric_filter_is_tested_against_messages() {
    let ctx = testing::ctx().await;
    let input = json!({
        "filterPattern": "[ip, ..., status=4*, bytes]",
        "logEventMessages": ["127.0.0.1 - frank \"GET / HTTP/1.0\" 404 1534", "127.0.0.1 - frank \"GET /\" 200 1"],
    });
    let answer = call(&ctx, "TestMetricFilter", input).await.unwrap();
    let expected = json!({ "matches": [{
        "eventNumber": 1,
        "eventMessage": "127.0.0.1 - frank \"GET / HTTP/1.0\" 404 1534",
        "extractedValues": { "$ip": "127.0.0.1", "$status": "404", "$bytes": "1534" },
    }]});
    assert_eq!(answer, expected);
}
