//! RegisterTaskDefinition: what is registered is returned, and what is wrong is refused.

use serde_json::{Value as Json, json};

use super::{World, arn, definition};

/// Every member that container instances can take, all at once.
fn maximal() -> Json {
    serde_json::from_str(include_str!("everything.json")).unwrap()
}

#[tokio::test]
async fn what_is_registered_is_returned_field_for_field() {
    let world = World::new().await;
    let input = maximal();
    let answer = world.done("RegisterTaskDefinition", input.clone()).await;
    let found = &answer["taskDefinition"];
    for (member, given) in input.as_object().unwrap() {
        let text = |value: &Json| serde_json::to_string_pretty(value).unwrap();
        assert!(found[member] == *given, "{member}: {} is not {}", text(&found[member]), text(given));
    }
    let described = world.done("DescribeTaskDefinition", json!({ "taskDefinition": "everything" })).await;
    assert_eq!(described["taskDefinition"], *found);
    // Registering what was described again gives the same definition.
    let mut again = found.clone();
    let made = [
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "compatibilities",
        "registeredAt",
        "registeredBy",
    ];
    made.iter().for_each(|member| drop(again.as_object_mut().unwrap().remove(*member)));
    let next = world.done("RegisterTaskDefinition", again).await;
    for (member, value) in found.as_object().unwrap() {
        let same = next["taskDefinition"][member] == *value;
        assert!(same || ["taskDefinitionArn", "revision"].contains(&member.as_str()), "{member}");
    }
}

#[tokio::test]
async fn the_smallest_definition_shows_its_defaults() {
    let world = World::new().await;
    let mut input = definition("web");
    input["tags"] = json!([{ "key": "team", "value": "a" }]);
    input["cpu"] = json!("0.25 vCPU");
    input["memory"] = json!("0.5GB");
    input["containerDefinitions"][0]["portMappings"] = json!([{ "containerPort": 3000 }]);
    let mut answer = world.done("RegisterTaskDefinition", input).await;
    assert_eq!(answer["taskDefinition"]["registeredAt"].take().as_f64(), Some(1_700_000_000.0));
    let expected = json!({
        "taskDefinition": {
            "taskDefinitionArn": arn("task-definition/web:1"),
            "containerDefinitions": [{
                "name": "web", "image": "web:1", "cpu": 0, "essential": true,
                "portMappings": [{ "containerPort": 3000, "hostPort": 3000, "protocol": "tcp" }],
                "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": [],
            }],
            "family": "web",
            "networkMode": "awsvpc",
            "revision": 1,
            "volumes": [],
            "status": "ACTIVE",
            "requiresAttributes": [
                { "name": "com.amazonaws.ecs.capability.docker-remote-api.1.18" },
                { "name": "ecs.capability.task-eni" },
            ],
            "placementConstraints": [],
            "compatibilities": ["EC2", "FARGATE"],
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "registeredAt": null,
            "registeredBy": "arn:aws:iam::123456789012:root",
        },
        "tags": [{ "key": "team", "value": "a" }],
    });
    assert_eq!(answer, expected);
}

/// The smallest definition with one member changed at `pointer` is refused with `expected`.
async fn check(world: &World, pointer: &str, value: Json, expected: &str) {
    let mut input = definition("web");
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    input.pointer_mut(parent).unwrap()[member] = value;
    world.refused("RegisterTaskDefinition", input, &format!("ClientException: {expected}")).await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_name() {
    let world = World::new().await;
    let container = |member: &str| format!("/containerDefinitions/0/{member}");
    let invalid = |member: &str| format!("Invalid '{member}' setting for container 'web'.");
    check(&world, "/family", json!("a b"), "Family contains invalid characters.").await;
    check(&world, "/cpu", json!("lots"), "Invalid 'cpu' setting for task.").await;
    check(&world, "/memory", json!("-1"), "Invalid 'memory' setting for task.").await;
    check(&world, "/networkMode", json!("mesh"), "Invalid 'networkMode' setting for task.").await;
    check(&world, "/networkMode", json!("bridge"), "Fargate only supports network mode ‘awsvpc’.").await;
    check(&world, "/containerDefinitions", json!([]), "Container list cannot be empty.").await;
    check(&world, &container("name"), json!(""), "Container.name should not be null or empty.").await;
    check(&world, &container("name"), json!("a.b"), "Container.name contains invalid characters.").await;
    check(&world, &container("image"), json!(""), "Container.image should not be null or empty.").await;
    check(&world, &container("memory"), json!(-1), &invalid("memory")).await;
    check(&world, &container("portMappings"), json!([{ "containerPort": 70000 }]), &invalid("containerPort"))
        .await;
    check(&world, &container("logConfiguration"), json!({ "logDriver": "fax" }), &invalid("logDriver")).await;
    check(
        &world,
        &container("healthCheck"),
        json!({ "interval": 5 }),
        "HealthCheck.command should not be null or empty.",
    )
    .await;
    check(
        &world,
        &container("ulimits"),
        json!([{ "name": "files", "softLimit": 1, "hardLimit": 1 }]),
        &invalid("name"),
    )
    .await;
    check(
        &world,
        &container("resourceRequirements"),
        json!([{ "type": "GPU", "value": "1" }]),
        "Invalid 'resourceRequirements' setting for container 'web'. No node has devices of type GPU.",
    )
    .await;
    check(
        &world,
        "/volumes",
        json!([{ "name": "v", "configuredAtLaunch": true }]),
        "Invalid 'configuredAtLaunch' setting for task.",
    )
    .await;
    let long = "x".repeat(70_000);
    let answer = {
        let mut input = definition("web");
        input["containerDefinitions"][0]["command"] = json!([long]);
        world.call("RegisterTaskDefinition", input).await.unwrap_err()
    };
    assert!(answer.starts_with("ClientException: Actual length: '70"), "{answer}");
    world
        .refused(
            "RegisterTaskDefinition",
            json!({ "containerDefinitions": [] }),
            "ClientException: Family should not be null or empty.",
        )
        .await;
    let none = world.done("ListTaskDefinitions", json!({})).await;
    assert_eq!(none["taskDefinitionArns"], json!([]));
}
