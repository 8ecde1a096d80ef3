//! Revisions: describing, listing, deregistering and deleting.

use std::collections::BTreeMap;

use model::IdSource;
use model::id::SeededIds;
use serde_json::json;

use super::{World, arn, definition};

#[tokio::test]
async fn a_family_describes_its_newest_active_revision() {
    let world = World::new().await;
    for _ in 0..3 {
        world.done("RegisterTaskDefinition", definition("web")).await;
    }
    world.done("DeregisterTaskDefinition", json!({ "taskDefinition": "web:3" })).await;
    let revision = async |named: &str| {
        let answer = world.done("DescribeTaskDefinition", json!({ "taskDefinition": named })).await;
        answer["taskDefinition"]["revision"].as_u64().unwrap()
    };
    assert_eq!(revision("web").await, 2);
    assert_eq!(revision("web:3").await, 3);
    assert_eq!(revision(&arn("task-definition/web:1")).await, 1);
    let unknown = "ClientException: Unable to describe task definition.";
    for named in ["web:4", "api", "arn:aws:ecs:us-west-2:123456789012:task-definition/web:1"] {
        world.refused("DescribeTaskDefinition", json!({ "taskDefinition": named }), unknown).await;
    }
    world
        .refused(
            "DescribeTaskDefinition",
            json!({ "taskDefinition": "web:x" }),
            "InvalidParameterException: Invalid revision number. Number: x",
        )
        .await;
}

#[tokio::test]
async fn lists_go_up_and_down_by_status() {
    let world = World::new().await;
    for family in ["api", "web", "web-2", "web", "api"] {
        world.done("RegisterTaskDefinition", definition(family)).await;
    }
    world.done("DeregisterTaskDefinition", json!({ "taskDefinition": "api:1" })).await;
    let list = async |input: serde_json::Value, expected: &[&str]| {
        let expected: Vec<_> = expected.iter().map(|id| arn(&format!("task-definition/{id}"))).collect();
        for size in [1, 2, 100] {
            let found = world.pages("ListTaskDefinitions", input.clone(), "taskDefinitionArns", size).await;
            assert_eq!(found, expected, "{input} by {size}");
        }
    };
    list(json!({}), &["api:2", "web:1", "web:2", "web-2:1"]).await;
    list(json!({ "sort": "DESC" }), &["web-2:1", "web:2", "web:1", "api:2"]).await;
    list(json!({ "familyPrefix": "web" }), &["web:1", "web:2"]).await;
    list(json!({ "familyPrefix": "web", "sort": "DESC" }), &["web:2", "web:1"]).await;
    list(json!({ "status": "INACTIVE" }), &["api:1"]).await;
    list(json!({ "status": "DELETE_IN_PROGRESS" }), &[]).await;
}

#[tokio::test]
async fn families_are_listed_by_what_they_have() {
    let world = World::new().await;
    for family in ["api", "web", "web-2"] {
        world.done("RegisterTaskDefinition", definition(family)).await;
    }
    world.done("DeregisterTaskDefinition", json!({ "taskDefinition": "api:1" })).await;
    let list = async |input: serde_json::Value, expected: &[&str]| {
        for size in [1, 100] {
            let found = world.pages("ListTaskDefinitionFamilies", input.clone(), "families", size).await;
            assert_eq!(found, expected, "{input} by {size}");
        }
    };
    list(json!({}), &["api", "web", "web-2"]).await;
    list(json!({ "status": "ACTIVE" }), &["web", "web-2"]).await;
    list(json!({ "status": "INACTIVE" }), &["api"]).await;
    list(json!({ "familyPrefix": "web" }), &["web", "web-2"]).await;
    world.done("DeleteTaskDefinitions", json!({ "taskDefinitions": ["api:1"] })).await;
    list(json!({}), &["web", "web-2"]).await;
}

#[tokio::test]
async fn only_inactive_revisions_are_deleted() {
    let mut world = World::new().await;
    world.done("RegisterTaskDefinition", definition("web")).await;
    world.done("RegisterTaskDefinition", definition("web")).await;
    world.advance(1000);
    let inactive = world.done("DeregisterTaskDefinition", json!({ "taskDefinition": "web:1" })).await;
    assert_eq!(inactive["taskDefinition"]["status"], "INACTIVE");
    assert_eq!(inactive["taskDefinition"]["deregisteredAt"].as_f64(), Some(1_700_000_001.0));
    world.advance(1000);
    let named = json!({ "taskDefinitions": ["web:1", "web:2", "web:9", "web"] });
    let answer = world.done("DeleteTaskDefinitions", named).await;
    let deleted = answer["taskDefinitions"].as_array().unwrap();
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0]["status"], "DELETE_IN_PROGRESS");
    assert_eq!(deleted[0]["deleteRequestedAt"].as_f64(), Some(1_700_000_002.0));
    let expected = json!([
        { "arn": "web", "reason":
          "The specified task definition identifier is invalid. Specify a valid name or ARN and try again." },
        { "arn": arn("task-definition/web:2"), "reason":
          "The specified task definition is still in ACTIVE status. Please deregister the target and try again." },
        { "arn": arn("task-definition/web:9"), "reason":
          "The specified task definition does not exist. Specify a valid account, family, revision and try again." },
    ]);
    assert_eq!(answer["failures"], expected);
    world
        .refused(
            "DeregisterTaskDefinition",
            json!({ "taskDefinition": "web:7" }),
            "ClientException: The specified task definition does not exist.",
        )
        .await;
    world
        .refused(
            "DeregisterTaskDefinition",
            json!({ "taskDefinition": "web" }),
            "ClientException: A revision of the task definition must be specified.",
        )
        .await;
    world
        .refused(
            "DeleteTaskDefinitions",
            json!({ "taskDefinitions": [] }),
            "InvalidParameterException: Task definitions cannot be empty.",
        )
        .await;
}

/// Whatever is registered, deregistered and deleted, in whatever order: the next revision of a
/// family is one more than its last.
#[tokio::test]
async fn revisions_only_grow() {
    for seed in 0..8 {
        let world = World::new().await;
        let mut ids = SeededIds::new(seed);
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for _ in 0..40 {
            let family = format!("f{}", ids.one_of(b"abc"));
            let revision = last.get(&family).copied().unwrap_or(0);
            let named = format!("{family}:{revision}");
            match ids.one_of(b"rrxd") {
                'x' => {
                    world.call("DeregisterTaskDefinition", json!({ "taskDefinition": named })).await.ok();
                }
                'd' => {
                    world.done("DeleteTaskDefinitions", json!({ "taskDefinitions": [named] })).await;
                }
                _ => {
                    let answer = world.done("RegisterTaskDefinition", definition(&family)).await;
                    let next = answer["taskDefinition"]["revision"].as_u64().unwrap();
                    assert_eq!(next, revision + 1, "seed {seed}, family {family}");
                    last.insert(family, next);
                }
            }
        }
    }
}

#[tokio::test]
async fn concurrent_registrations_get_different_revisions() {
    let world = std::sync::Arc::new(World::new().await);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let world = world.clone();
        all.spawn(async move {
            let answer = world.done("RegisterTaskDefinition", definition("web")).await;
            answer["taskDefinition"]["revision"].as_u64().unwrap()
        });
    }
    let mut revisions = all.join_all().await;
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=16).collect::<Vec<u64>>());
}
