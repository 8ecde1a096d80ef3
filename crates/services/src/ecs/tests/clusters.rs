//! Clusters.

use serde_json::json;

use super::{World, arn};

/// A cluster as answers to changes show it.
fn cluster(name: &str, status: &str) -> serde_json::Value {
    json!({
        "clusterArn": arn(&format!("cluster/{name}")),
        "clusterName": name,
        "status": status,
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": 0,
        "pendingTasksCount": 0,
        "activeServicesCount": 0,
        "statistics": [],
        "tags": [],
        "settings": [{ "name": "containerInsights", "value": "disabled" }],
        "capacityProviders": [],
        "defaultCapacityProviderStrategy": [],
    })
}

#[tokio::test]
async fn a_cluster_is_created_once() {
    let world = World::new().await;
    world.check("CreateCluster", json!({}), json!({ "cluster": cluster("default", "ACTIVE") })).await;
    world.check("CreateCluster", json!({}), json!({ "cluster": cluster("default", "ACTIVE") })).await;
    let full = json!({
        "clusterName": "web",
        "settings": [{ "name": "containerInsights", "value": "enhanced" }],
        "configuration": { "executeCommandConfiguration": {
            "logging": "OVERRIDE", "logConfiguration": { "cloudWatchLogGroupName": "/exec" },
        }},
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": [{ "capacityProvider": "FARGATE", "weight": 1, "base": 2 }],
        "tags": [{ "key": "team", "value": "a" }],
    });
    let mut expected = cluster("web", "ACTIVE");
    for member in
        ["settings", "configuration", "capacityProviders", "defaultCapacityProviderStrategy", "tags"]
    {
        expected[member] = full[member].clone();
    }
    world.check("CreateCluster", full.clone(), json!({ "cluster": expected })).await;
    world.check("CreateCluster", json!({ "clusterName": "web" }), json!({ "cluster": expected })).await;
    world
        .refused(
            "CreateCluster",
            json!({ "clusterName": "web", "capacityProviders": ["FARGATE"] }),
            "InvalidParameterException: Arguments on this idempotent request are inconsistent with arguments used \
             in previous request(s).",
        )
        .await;
    world
        .check(
            "ListClusters",
            json!({}),
            json!({ "clusterArns": [arn("cluster/default"), arn("cluster/web")] }),
        )
        .await;
}

#[tokio::test]
async fn what_cannot_be_a_cluster_is_refused() {
    let world = World::new().await;
    let create =
        |input: serde_json::Value, expected: &'static str| world.refused("CreateCluster", input, expected);
    create(
        json!({ "clusterName": "a b" }),
        "InvalidParameterException: Cluster must match ^[a-zA-Z0-9\\-_]{1,255}$, but was a b",
    )
    .await;
    create(
        json!({ "capacityProviders": ["asg"] }),
        "InvalidParameterException: The specified capacity provider 'asg' was not found. Specify a valid name or ARN \
         and try again.",
    )
    .await;
    create(
        json!({ "serviceConnectDefaults": { "namespace": "arn:aws:servicediscovery:us-east-2:123456789012:namespace/ns-1" } }),
        "NamespaceNotFoundException: The specified namespace was not found.",
    )
    .await;
    create(
        json!({ "settings": [{ "name": "containerInsights", "value": "on" }] }),
        "InvalidParameterException: Invalid cluster setting value: on",
    )
    .await;
    create(
        json!({ "tags": [{ "key": "aws:x", "value": "1" }] }),
        "InvalidParameterException: Tag keys and values cannot start with the reserved prefix aws:.",
    )
    .await;
}

#[tokio::test]
async fn describing_shows_what_was_asked_for() {
    let world = World::new().await;
    world.done("CreateCluster", json!({ "tags": [{ "key": "team", "value": "a" }] })).await;
    let mut plain = cluster("default", "ACTIVE");
    plain["settings"] = json!([]);
    world.check("DescribeClusters", json!({}), json!({ "clusters": [plain], "failures": [] })).await;
    let elsewhere = "arn:aws:ecs:eu-west-1:123456789012:cluster/default";
    let named = json!({ "clusters": ["default", arn("cluster/default"), "nope", elsewhere] });
    let failures = json!([
        { "arn": arn("cluster/nope"), "reason": "MISSING" }, { "arn": elsewhere, "reason": "MISSING" },
    ]);
    world.check("DescribeClusters", named, json!({ "clusters": [plain], "failures": failures })).await;
    let all = json!({ "include": ["ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS"] });
    let found = world.done("DescribeClusters", all).await["clusters"][0].clone();
    assert_eq!(found["tags"], json!([{ "key": "team", "value": "a" }]));
    assert_eq!(found["attachments"], json!([]));
    assert_eq!(found["statistics"][0], json!({ "name": "runningEC2TasksCount", "value": "0" }));
    let refused = json!({ "include": ["EVERYTHING"] });
    assert!(
        world.call("DescribeClusters", refused).await.unwrap_err().starts_with("InvalidParameterException: ")
    );
}

#[tokio::test]
async fn clusters_change_and_become_inactive() {
    let world = World::new().await;
    world.done("CreateCluster", json!({ "clusterName": "web" })).await;
    let enabled = json!([{ "name": "containerInsights", "value": "enabled" }]);
    let mut changed = cluster("web", "ACTIVE");
    changed["settings"] = enabled.clone();
    let settings = json!({ "cluster": "web", "settings": enabled });
    world.check("UpdateClusterSettings", settings, json!({ "cluster": changed })).await;
    changed["configuration"] = json!({ "executeCommandConfiguration": { "logging": "NONE" } });
    let update = json!({ "cluster": arn("cluster/web"), "configuration": changed["configuration"] });
    world.check("UpdateCluster", update, json!({ "cluster": changed })).await;
    let providers = json!({
        "cluster": "web",
        "capacityProviders": ["FARGATE"],
        "defaultCapacityProviderStrategy": [{ "capacityProvider": "FARGATE" }],
    });
    changed["capacityProviders"] = json!(["FARGATE"]);
    changed["defaultCapacityProviderStrategy"] =
        json!([{ "capacityProvider": "FARGATE", "weight": 0, "base": 0 }]);
    world.check("PutClusterCapacityProviders", providers, json!({ "cluster": changed })).await;

    changed["status"] = json!("INACTIVE");
    world.check("DeleteCluster", json!({ "cluster": "web" }), json!({ "cluster": changed })).await;
    world.check("ListClusters", json!({}), json!({ "clusterArns": [] })).await;
    let described = world.done("DescribeClusters", json!({ "clusters": ["web"] })).await;
    assert_eq!(described["clusters"][0]["status"], "INACTIVE");
    for (operation, input) in [
        ("DeleteCluster", json!({ "cluster": "web" })),
        ("UpdateCluster", json!({ "cluster": "web" })),
        ("UpdateClusterSettings", json!({ "cluster": "web", "settings": enabled })),
        (
            "PutClusterCapacityProviders",
            json!({ "cluster": "web", "capacityProviders": [], "defaultCapacityProviderStrategy": [] }),
        ),
        ("ListTasks", json!({ "cluster": "web" })),
        ("DescribeTasks", json!({ "cluster": "web", "tasks": ["0123456789abcdef0123456789abcdef"] })),
        ("ListContainerInstances", json!({ "cluster": "web" })),
        ("DescribeContainerInstances", json!({ "cluster": "web", "containerInstances": ["x"] })),
        ("ListServices", json!({ "cluster": "web" })),
        ("DescribeServices", json!({ "cluster": "web", "services": ["x"] })),
    ] {
        world.refused(operation, input, "ClusterNotFoundException: Cluster not found.").await;
    }
    world
        .check(
            "CreateCluster",
            json!({ "clusterName": "web" }),
            json!({ "cluster": cluster("web", "ACTIVE") }),
        )
        .await;
}

#[tokio::test]
async fn a_cluster_does_not_change_into_what_cannot_be() {
    let world = World::new().await;
    world.done("CreateCluster", json!({})).await;
    let check = |operation: &'static str, mut input: serde_json::Value, expected: &'static str| {
        input["cluster"] = json!("default");
        world.refused(operation, input, expected)
    };
    check(
        "UpdateCluster",
        json!({ "serviceConnectDefaults": { "namespace": "arn:aws:servicediscovery:us-east-2:123456789012:namespace/ns-1" } }),
        "NamespaceNotFoundException: The specified namespace was not found.",
    )
    .await;
    check(
        "UpdateCluster",
        json!({ "configuration": { "executeCommandConfiguration": { "logging": "OVERRIDE" } } }),
        "InvalidParameterException: Log configuration must be specified if and only if logging is set to OVERRIDE.",
    )
    .await;
    check(
        "UpdateClusterSettings",
        json!({ "settings": [] }),
        "InvalidParameterException: Settings cannot be empty.",
    )
    .await;
    check(
        "PutClusterCapacityProviders",
        json!({
            "capacityProviders": ["FARGATE"],
            "defaultCapacityProviderStrategy": [{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }],
        }),
        "InvalidParameterException: The specified capacity provider strategy cannot contain a capacity provider that \
         is not associated with the cluster. Associate the capacity provider 'FARGATE_SPOT' with the cluster and try \
         again.",
    )
    .await;
    let unchanged = world.done("DescribeClusters", json!({ "include": ["SETTINGS"] })).await;
    assert_eq!(unchanged["clusters"][0], cluster("default", "ACTIVE"));
}

#[tokio::test]
async fn pages_show_every_cluster_once() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for number in 10..17 {
        world.done("CreateCluster", json!({ "clusterName": format!("c{number}") })).await;
        expected.push(arn(&format!("cluster/c{number}")));
    }
    for size in [1, 2, 3, 7, 100] {
        assert_eq!(world.pages("ListClusters", json!({}), "clusterArns", size).await, expected);
    }
    world
        .refused(
            "ListClusters",
            json!({ "maxResults": 101 }),
            "InvalidParameterException: maxResults should be between 1 and 100.",
        )
        .await;
    world
        .refused("ListClusters", json!({ "nextToken": "x" }), "InvalidParameterException: Invalid token.")
        .await;
}

#[tokio::test]
async fn what_does_not_exist_yet_is_missing() {
    let world = World::new().await;
    world.done("CreateCluster", json!({})).await;
    world.check("ListServices", json!({}), json!({ "serviceArns": [] })).await;
    let missing = |resource: &str| json!([{ "arn": arn(resource), "reason": "MISSING" }]);
    let expected = json!({ "services": [], "failures": missing("service/default/x") });
    world.check("DescribeServices", json!({ "services": ["x"] }), expected).await;
    world.check("ListContainerInstances", json!({}), json!({ "containerInstanceArns": [] })).await;
    let id = "0".repeat(32);
    let failures = missing(&format!("container-instance/default/{id}"));
    let expected = json!({ "containerInstances": [], "failures": failures });
    world.check("DescribeContainerInstances", json!({ "containerInstances": [id] }), expected).await;
    world
        .refused(
            "DescribeServices",
            json!({ "services": [] }),
            "InvalidParameterException: Services cannot be empty.",
        )
        .await;
}

#[tokio::test]
async fn the_capacity_providers_of_fargate_are_described() {
    let world = World::new().await;
    let provider = |name: &str| {
        json!({
            "capacityProviderArn": arn(&format!("capacity-provider/{name}")),
            "name": name,
            "status": "ACTIVE",
            "type": name,
            "tags": [],
        })
    };
    let both = json!([provider("FARGATE"), provider("FARGATE_SPOT")]);
    world
        .check("DescribeCapacityProviders", json!({}), json!({ "capacityProviders": both, "failures": [] }))
        .await;
    world
        .check(
            "DescribeCapacityProviders",
            json!({ "capacityProviders": [arn("capacity-provider/FARGATE_SPOT"), "mine"] }),
            json!({
                "capacityProviders": [provider("FARGATE_SPOT")],
                "failures": [{ "arn": arn("capacity-provider/mine"), "reason": "MISSING" }],
            }),
        )
        .await;
    let mut expected = cluster("default", "ACTIVE");
    expected["capacityProviders"] = json!(["FARGATE"]);
    let only = json!({ "capacityProviders": ["FARGATE"] });
    world.check("CreateCluster", only, json!({ "cluster": expected })).await;
    world
        .check(
            "DescribeCapacityProviders",
            json!({ "cluster": "default" }),
            json!({ "capacityProviders": [provider("FARGATE")], "failures": [] }),
        )
        .await;
}
