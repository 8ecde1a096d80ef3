//! Tags of every kind of resource.

use serde_json::json;

use super::{World, arn, definition};

#[tokio::test]
async fn tags_come_and_go() {
    let world = World::new().await;
    world.done("CreateCluster", json!({})).await;
    world.done("RegisterTaskDefinition", definition("web")).await;
    for resource in [arn("cluster/default"), arn("task-definition/web:1")] {
        let tags = json!([{ "key": "a", "value": "1" }, { "key": "b", "value": "2" }]);
        world.check("TagResource", json!({ "resourceArn": resource, "tags": tags }), json!({})).await;
        world.check("ListTagsForResource", json!({ "resourceArn": resource }), json!({ "tags": tags })).await;
        let untag = json!({ "resourceArn": resource, "tagKeys": ["a", "zz"] });
        world.check("UntagResource", untag, json!({})).await;
        let expected = json!({ "tags": [{ "key": "b", "value": "2" }] });
        world.check("ListTagsForResource", json!({ "resourceArn": resource }), expected).await;
    }
}

#[tokio::test]
async fn what_is_not_there_cannot_be_tagged() {
    let world = World::new().await;
    let tag = |resource: &str| json!({ "resourceArn": resource, "tags": [{ "key": "a", "value": "1" }] });
    let check = |resource: String, expected: &'static str| {
        let input = tag(&resource);
        world.refused("TagResource", input, expected)
    };
    check(arn("cluster/nope"), "ClusterNotFoundException: Cluster not found.").await;
    let missing = "ResourceNotFoundException: The specified resource was not found.";
    check(arn("task-definition/nope:1"), missing).await;
    check(arn("service/default/nope"), missing).await;
    check(arn("task/default/0123456789abcdef0123456789abcdef"), missing).await;
    check("web".to_owned(), "InvalidParameterException: Invalid arn syntax.").await;
    check(arn("nonsense/x"), "InvalidParameterException: Unsupported resource type: nonsense").await;
    world
        .refused(
            "ListTagsForResource",
            json!({ "resourceArn": arn("task-definition/nope:1") }),
            "InvalidParameterException: The specified resource was not found.",
        )
        .await;
    world
        .refused(
            "UntagResource",
            json!({ "resourceArn": arn("task-definition/nope:1"), "tagKeys": ["a"] }),
            missing,
        )
        .await;
}

#[tokio::test]
async fn fifty_tags_are_enough() {
    let world = World::new().await;
    world.done("CreateCluster", json!({})).await;
    let resource = arn("cluster/default");
    let tags: Vec<_> = (0..50).map(|n| json!({ "key": format!("k{n}"), "value": "" })).collect();
    world.done("TagResource", json!({ "resourceArn": resource, "tags": tags })).await;
    world
        .refused(
            "TagResource",
            json!({ "resourceArn": resource, "tags": [{ "key": "more", "value": "" }] }),
            "LimitExceededException: The maximum number of tags has been reached for this resource: 50.",
        )
        .await;
}
