//! Tasks as they are listed and described. How they come to be is tested with RunTask.

use model::Timestamp;
use model::ecs::container_definition::KeyValuePair;
use model::ecs::name::TaskDefinitionId;
use model::ecs::status::{ContainerStatus, DesiredStatus, LastStatus, StopCode};
use model::ecs::task::{Attachment, AttachmentStatus, LaunchType, Task, TaskSeen, TaskSpec};
use model::ecs::task_container::{ContainerSeen, TaskContainer};
use model::ecs::task_definition::NetworkMode;
use model::ecs::{ClusterName, ContainerName, Family, Tags, TaskId, TaskOverride};
use serde_json::json;
use store::Txn;

use super::{World, arn, definition};
use crate::ecs::store::TaskRow;

fn task(world: &World, number: u32, family: &str) -> Task {
    Task {
        scope: world.ctx.scope.clone(),
        cluster: ClusterName::default_name(),
        id: TaskId::new(format!("{number:032x}")).unwrap(),
        spec: TaskSpec {
            definition: TaskDefinitionId { family: Family::new(family).unwrap(), revision: 1 },
            network_mode: NetworkMode::Awsvpc,
            launch_type: LaunchType::Fargate,
            capacity_provider: None,
            platform_version: Some("1.4.0".into()),
            platform_family: Some("Linux".into()),
            cpu_architecture: None,
            cpu: Some(256),
            memory: Some(512),
            ephemeral_storage: None,
            overrides: TaskOverride::default(),
            network: None,
            group: Some(format!("family:{family}")),
            started_by: None,
            service: None,
            host_ports: Vec::new(),
            enable_execute_command: false,
            connects: false,
            client_token: None,
        },
        desired_status: DesiredStatus::Running,
        node: None,
        container_instance: None,
        seen: TaskSeen::new(world.ctx.now, LastStatus::Provisioning),
        containers: vec![TaskContainer {
            id: "0b8b3f34-0000-4000-8000-000000000000".into(),
            name: ContainerName::new("web").unwrap(),
            image: "web:1".into(),
            essential: true,
            has_health_check: false,
            cpu: 0,
            memory: None,
            memory_reservation: None,
            seen: ContainerSeen::default(),
        }],
        attachments: vec![Attachment {
            id: "c0ffee00-0000-4000-8000-000000000000".into(),
            kind: "ElasticNetworkInterface".into(),
            status: AttachmentStatus::Precreated,
            details: vec![KeyValuePair { name: "subnetId".into(), value: "subnet-1".into() }],
        }],
        tags: Tags::from([("team".to_owned(), "a".to_owned())]),
        supervision: Default::default(),
        version: 1,
    }
}

async fn keep(world: &World, task: Task) {
    world.ctx.cloud.store.commit(Txn::new().insert(&TaskRow(task))).await.unwrap();
}

#[tokio::test]
async fn a_task_is_described_whole() {
    let world = World::new().await;
    world.done("CreateCluster", json!({})).await;
    let mut stopped = task(&world, 1, "web");
    stopped.stop(StopCode::UserInitiated, "Task stopped by user", Timestamp::from_millis(1_700_000_001_000));
    stopped.advance(LastStatus::Stopped).unwrap();
    stopped.containers[0].advance(ContainerStatus::Stopped).unwrap();
    stopped.containers[0].seen.exit_code = Some(137);
    keep(&world, stopped).await;
    let id = format!("{:032x}", 1);
    let named =
        json!({ "tasks": [id, arn(&format!("task/default/{id}")), "f".repeat(32)], "include": ["TAGS"] });
    let mut answer = world.done("DescribeTasks", named).await;
    let found = &mut answer["tasks"][0];
    for (member, seconds) in [("createdAt", 1_700_000_000.0), ("stoppingAt", 1_700_000_001.0)] {
        assert_eq!(found[member].take().as_f64(), Some(seconds));
    }
    let expected = json!({
        "attachments": [{
            "id": "c0ffee00-0000-4000-8000-000000000000", "type": "ElasticNetworkInterface",
            "status": "PRECREATED", "details": [{ "name": "subnetId", "value": "subnet-1" }],
        }],
        "attributes": [{ "name": "ecs.cpu-architecture" }],
        "clusterArn": arn("cluster/default"),
        "containers": [{
            "containerArn": arn(&format!("container/default/{id}/0b8b3f34-0000-4000-8000-000000000000")),
            "taskArn": arn(&format!("task/default/{id}")),
            "name": "web", "image": "web:1", "lastStatus": "STOPPED", "exitCode": 137,
            "networkBindings": [], "networkInterfaces": [], "healthStatus": "UNKNOWN", "cpu": "0",
        }],
        "cpu": "256",
        "createdAt": null,
        "desiredStatus": "STOPPED",
        "enableExecuteCommand": false,
        "group": "family:web",
        "healthStatus": "UNKNOWN",
        "inferenceAccelerators": [],
        "lastStatus": "STOPPED",
        "launchType": "FARGATE",
        "memory": "512",
        "overrides": { "containerOverrides": [], "inferenceAcceleratorOverrides": [] },
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "stopCode": "UserInitiated",
        "stoppedReason": "Task stopped by user",
        "stoppingAt": null,
        "tags": [{ "key": "team", "value": "a" }],
        "taskArn": arn(&format!("task/default/{id}")),
        "taskDefinitionArn": arn("task-definition/web:1"),
        "version": 3,
    });
    let missing = arn(&format!("task/default/{}", "f".repeat(32)));
    let expected = json!({ "tasks": [expected], "failures": [{ "arn": missing, "reason": "MISSING" }] });
    super::pretty(&answer, &expected, "DescribeTasks");
}

#[tokio::test]
async fn tasks_are_named_rightly_or_refused() {
    let world = World::new().await;
    world.done("CreateCluster", json!({})).await;
    let check = |tasks: serde_json::Value, expected: &'static str| {
        world.refused("DescribeTasks", json!({ "tasks": tasks }), expected)
    };
    check(json!([]), "InvalidParameterException: Tasks cannot be empty.").await;
    check(json!(vec!["a"; 101]), "InvalidParameterException: Tasks cannot be more than 100.").await;
    check(json!(["short"]), "InvalidParameterException: taskId length should be one of [32,36]").await;
    check(
        json!([arn("task/web/0123456789abcdef0123456789abcdef")]),
        "InvalidParameterException: Invalid identifier: Identifier is for cluster web. Your cluster is default",
    )
    .await;
}

#[tokio::test]
async fn lists_are_filtered() {
    let world = World::new().await;
    world.done("CreateCluster", json!({})).await;
    for number in 0..6 {
        let mut one = task(&world, number, if number % 2 == 0 { "web" } else { "api" });
        one.spec.started_by = (number == 1).then(|| "me".to_owned());
        if number == 5 {
            one.spec.launch_type = LaunchType::Ec2;
        }
        if number == 4 {
            one.stop(StopCode::UserInitiated, "enough", world.ctx.now);
        }
        keep(&world, one).await;
    }
    let list = async |input: serde_json::Value, expected: &[u32]| {
        let expected: Vec<_> = expected.iter().map(|n| arn(&format!("task/default/{n:032x}"))).collect();
        for size in [1, 2, 100] {
            let found = world.pages("ListTasks", input.clone(), "taskArns", size).await;
            assert_eq!(found, expected, "{input} by {size}");
        }
    };
    list(json!({}), &[0, 1, 2, 3, 5]).await;
    list(json!({ "family": "web" }), &[0, 2]).await;
    list(json!({ "startedBy": "me" }), &[1]).await;
    list(json!({ "desiredStatus": "STOPPED" }), &[4]).await;
    list(json!({ "desiredStatus": "STOPPED", "family": "api" }), &[]).await;
    list(json!({ "desiredStatus": "PENDING" }), &[]).await;
    list(json!({ "launchType": "EC2" }), &[5]).await;
    list(json!({ "launchType": "FARGATE", "family": "api" }), &[1, 3]).await;
    let refused =
        |input: serde_json::Value, expected: &'static str| world.refused("ListTasks", input, expected);
    refused(
        json!({ "startedBy": "me", "family": "web" }),
        "InvalidParameterException: startedBy cannot be combined with other filters.",
    )
    .await;
    refused(json!({ "serviceName": "web" }), "ServiceNotFoundException: Service not found.").await;
    refused(json!({ "cluster": "nope" }), "ClusterNotFoundException: Cluster not found.").await;
}

#[tokio::test]
async fn a_cluster_with_tasks_counts_them_and_stays() {
    let world = World::new().await;
    world.done("CreateCluster", json!({})).await;
    let mut running = task(&world, 1, "web");
    running.advance(LastStatus::Running).unwrap();
    keep(&world, running).await;
    keep(&world, task(&world, 2, "web")).await;
    let described = world.done("DescribeClusters", json!({ "include": ["STATISTICS"] })).await;
    let cluster = &described["clusters"][0];
    assert_eq!((&cluster["runningTasksCount"], &cluster["pendingTasksCount"]), (&json!(1), &json!(1)));
    let statistics = cluster["statistics"].as_array().unwrap();
    assert!(statistics.contains(&json!({ "name": "runningFargateTasksCount", "value": "1" })));
    world
        .refused(
            "DeleteCluster",
            json!({ "cluster": "default" }),
            "ClusterContainsTasksException: The Cluster cannot be deleted while Tasks are active.",
        )
        .await;
}

#[tokio::test]
async fn tasks_carry_tags() {
    let world = World::new().await;
    world.done("CreateCluster", json!({})).await;
    keep(&world, task(&world, 1, "web")).await;
    let resource = arn(&format!("task/default/{:032x}", 1));
    let tag = json!({ "resourceArn": resource, "tags": [{ "key": "b", "value": "2" }] });
    world.done("TagResource", tag).await;
    let expected = json!({ "tags": [{ "key": "b", "value": "2" }, { "key": "team", "value": "a" }] });
    world.check("ListTagsForResource", json!({ "resourceArn": resource }), expected).await;
}

#[tokio::test]
async fn a_deleted_definition_goes_with_its_last_task() {
    let world = World::new().await;
    world.done("CreateCluster", json!({})).await;
    for family in ["web", "api"] {
        world.done("RegisterTaskDefinition", definition(family)).await;
        let named = format!("{family}:1");
        world.done("DeregisterTaskDefinition", json!({ "taskDefinition": named })).await;
        world.done("DeleteTaskDefinitions", json!({ "taskDefinitions": [named] })).await;
    }
    let mut running = task(&world, 1, "web");
    keep(&world, running.clone()).await;
    let store = &world.ctx.cloud.store;
    assert_eq!(crate::ecs::reap::task_definitions(store).await.unwrap(), 1);
    let left = json!({ "status": "DELETE_IN_PROGRESS" });
    let expected = json!({ "taskDefinitionArns": [arn("task-definition/web:1")] });
    world.check("ListTaskDefinitions", left.clone(), expected).await;

    running.advance(LastStatus::Stopped).unwrap();
    store.commit(Txn::new().put(&TaskRow(running))).await.unwrap();
    assert_eq!(crate::ecs::reap::task_definitions(store).await.unwrap(), 1);
    world.check("ListTaskDefinitions", left, json!({ "taskDefinitionArns": [] })).await;
    let next = world.done("RegisterTaskDefinition", definition("web")).await;
    assert_eq!(next["taskDefinition"]["revision"], 2);
}
