//! Container instances: joined, described, queried, drained, deregistered, and tasks placed on them.

use model::ecs::container_instance::Membership;
use model::ecs::node::CpuArchitecture;
use model::ecs::{ClusterName, LastStatus, Node, NodeId};
use reconcile::task::Report;
use serde_json::{Value as Json, json};

use super::World;
use crate::ecs::door;

const NODE: &str = "00000000000000000000000000000001";

/// A cloud with a node that offers itself to `cluster`, and the definition `web`: bridge mode, 128 MiB, port 8080.
async fn world(cluster: &str, by_default: bool) -> World {
    let world = World::new().await;
    let membership = Membership {
        scope: world.ctx.scope.clone(),
        cluster: ClusterName::new(cluster).unwrap(),
        by_default,
    };
    let node = Node {
        id: NodeId::new(NODE).unwrap(),
        cpu_units: 2048,
        memory_mib: 1024,
        architecture: CpuArchitecture::X86_64,
        zone: "a".into(),
        attributes: [("com.amazonaws.ecs.capability.docker-remote-api.1.18".to_owned(), String::new())]
            .into(),
        agent_version: "0.1.0".into(),
        connected: true,
        connected_at: world.ctx.now,
        registered_at: world.ctx.now,
        membership: Some(membership),
        reserved_ports: [22].into(),
    };
    let id = node.id.clone();
    door::register_node(&world.ctx.cloud.store, node).await.unwrap();
    door::join_cluster(&world.ctx.cloud.store, &id, world.ctx.now, &world.ctx.ids).await.unwrap();
    world.register("web", json!([{"containerPort": 80, "hostPort": 8080}])).await;
    world
}

impl World {
    async fn register(&self, family: &str, ports: Json) {
        let container =
            json!({"name": "web", "image": "web:1", "memory": 128, "cpu": 100, "portMappings": ports});
        let input = json!({"family": family, "containerDefinitions": [container]});
        self.call("RegisterTaskDefinition", input).await.unwrap();
    }

    async fn create(&self, cluster: &str) {
        self.call("CreateCluster", json!({"clusterName": cluster})).await.unwrap();
    }

    /// The cluster's only container instance.
    async fn instance(&self, cluster: &str) -> Json {
        let arns = self.call("ListContainerInstances", json!({"cluster": cluster})).await.unwrap();
        let arns = arns["containerInstanceArns"].clone();
        let input = json!({"cluster": cluster, "containerInstances": arns});
        self.call("DescribeContainerInstances", input).await.unwrap()["containerInstances"][0].clone()
    }

    /// RunTask's reasons for failure, or the error.
    async fn reasons(&self, input: Json) -> Vec<String> {
        let answer = match self.call("RunTask", input).await {
            Ok(answer) => answer,
            Err(error) => return vec![error],
        };
        let failures = answer["failures"].as_array().unwrap().iter();
        failures.map(|failure| failure["reason"].as_str().unwrap().to_owned()).collect()
    }
}

fn resource(instance: &Json, kind: &str, name: &str) -> Json {
    let all = instance[kind].as_array().unwrap();
    let found = all.iter().find(|resource| resource["name"] == name).unwrap();
    if found["type"] == "INTEGER" { found["integerValue"].clone() } else { found["stringSetValue"].clone() }
}

#[tokio::test]
async fn a_node_waits_for_its_cluster() {
    let world = world("default", true).await;
    world.create("other").await;
    let none = world.call("ListContainerInstances", json!({"cluster": "other"})).await.unwrap();
    assert_eq!(none["containerInstanceArns"], json!([]));
    world.create("default").await;
    let instance = world.instance("default").await;
    assert_eq!((&instance["status"], &instance["agentConnected"]), (&json!("ACTIVE"), &json!(true)));
    assert_eq!(resource(&instance, "registeredResources", "CPU"), 2048);
    assert_eq!(resource(&instance, "remainingResources", "MEMORY"), 1024);
    assert_eq!(resource(&instance, "registeredResources", "PORTS"), json!(["22"]));
    assert_eq!(instance["ec2InstanceId"], "i-00000000000000000");
    let clusters = world.call("DescribeClusters", json!({})).await.unwrap();
    assert_eq!(clusters["clusters"][0]["registeredContainerInstancesCount"], 1);
}

#[tokio::test]
async fn only_a_chosen_membership_keeps_its_cluster() {
    let lazy = world("default", true).await;
    lazy.create("default").await;
    lazy.call("DeleteCluster", json!({"cluster": "default"})).await.unwrap();
    lazy.create("default").await;
    assert_eq!(lazy.instance("default").await["status"], "ACTIVE", "it joins again");

    let chosen = world("web", false).await;
    chosen.create("web").await;
    let expected = "ClusterContainsContainerInstancesException: The Cluster cannot be deleted while Container \
                    Instances are active or draining.";
    chosen.refused("DeleteCluster", json!({"cluster": "web"}), expected).await;
    let arn = chosen.instance("web").await["containerInstanceArn"].clone();
    let gone = json!({"cluster": "web", "containerInstance": arn});
    let gone = chosen.call("DeregisterContainerInstance", gone).await.unwrap();
    assert_eq!(gone["containerInstance"]["status"], "INACTIVE");
    chosen.call("DeleteCluster", json!({"cluster": "web"})).await.unwrap();
}

#[tokio::test]
async fn a_task_takes_of_its_instance_and_gives_back() {
    let world = world("default", true).await;
    world.create("default").await;
    let answer = world.call("RunTask", json!({"taskDefinition": "web", "launchType": "EC2"})).await.unwrap();
    let task = &answer["tasks"][0];
    let instance = world.instance("default").await;
    assert_eq!(task["containerInstanceArn"], instance["containerInstanceArn"]);
    assert_eq!(task["availabilityZone"], "us-east-2a");
    assert_eq!(instance["pendingTasksCount"], 1);
    assert_eq!(resource(&instance, "remainingResources", "CPU"), 1948);
    assert_eq!(resource(&instance, "remainingResources", "MEMORY"), 896);
    assert_eq!(resource(&instance, "remainingResources", "PORTS"), json!(["22", "8080"]));
    assert_eq!(world.reasons(json!({"taskDefinition": "web"})).await, ["RESOURCE:PORTS"]);
    let listed = json!({"containerInstance": instance["containerInstanceArn"]});
    assert_eq!(world.call("ListTasks", listed).await.unwrap()["taskArns"], json!([task["taskArn"]]));

    let report = Report { status: Some(LastStatus::Stopped), ..Report::default() };
    let arn = task["taskArn"].as_str().unwrap();
    door::report(&world.ctx.cloud.store, arn, &report, world.ctx.now).await.unwrap();
    let instance = world.instance("default").await;
    assert_eq!(resource(&instance, "remainingResources", "CPU"), 2048);
    assert_eq!(resource(&instance, "remainingResources", "PORTS"), json!(["22"]));
}

#[tokio::test]
async fn failures_say_what_the_closest_instance_lacks() {
    let world = world("default", true).await;
    let none = "InvalidParameterException: No Container Instances were found in your cluster.";
    world.create("other").await;
    assert_eq!(world.reasons(json!({"taskDefinition": "web", "cluster": "other"})).await, [none]);
    world.create("default").await;
    world.register("many", json!([{"containerPort": 80}])).await;
    let many = |more: Json| {
        let mut input = json!({"taskDefinition": "many", "launchType": "EC2"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let of =
        |expression: &str| json!({"placementConstraints": [{"type": "memberOf", "expression": expression}]});
    assert_eq!(
        world.reasons(many(of("attribute:ecs.os-type == windows"))).await,
        ["MemberOf placement constraint unsatisfied"]
    );
    assert_eq!(
        world.reasons(many(of("nonsense"))).await,
        ["InvalidParameterException: Invalid expression 'nonsense': unknown subject 'nonsense'."]
    );
    let distinct = json!({"count": 2, "placementConstraints": [{"type": "distinctInstance"}]});
    assert_eq!(world.reasons(many(distinct)).await, ["distinctInstance placement constraint unsatisfied"]);
    assert_eq!(world.reasons(many(json!({"count": 8}))).await, ["RESOURCE:MEMORY"]);
    let spread = json!({"launchType": "FARGATE", "placementStrategy": [{"type": "random"}]});
    assert_eq!(
        world.reasons(many(spread)).await,
        ["InvalidParameterException: Task definition does not support launch_type FARGATE."]
    );
    door::disconnect_all(&world.ctx.cloud.store, world.ctx.now).await.unwrap();
    assert_eq!(world.reasons(many(json!({}))).await, ["AGENT"]);
}

#[tokio::test]
async fn a_draining_instance_keeps_its_tasks_and_takes_none() {
    let world = world("default", true).await;
    world.create("default").await;
    world.call("RunTask", json!({"taskDefinition": "web"})).await.unwrap();
    let arn = world.instance("default").await["containerInstanceArn"].clone();
    let state = |status: &str| json!({"containerInstances": [arn], "status": status});
    let answer = world.call("UpdateContainerInstancesState", state("DRAINING")).await.unwrap();
    assert_eq!(answer["containerInstances"][0]["status"], "DRAINING");
    assert_eq!(answer["containerInstances"][0]["pendingTasksCount"], 1);
    let none = "InvalidParameterException: No Container Instances were found in your cluster.";
    assert_eq!(world.reasons(json!({"taskDefinition": "web"})).await, [none]);
    let started = json!({"taskDefinition": "web", "containerInstances": [arn, "0".repeat(32)]});
    let started = world.call("StartTask", started).await.unwrap();
    let reasons: Vec<_> =
        started["failures"].as_array().unwrap().iter().map(|f| f["reason"].clone()).collect();
    assert_eq!(reasons, ["INACTIVE", "MISSING"]);
    let refused = "InvalidParameterException: Container instance status should be one of [ACTIVE,DRAINING].";
    world.refused("UpdateContainerInstancesState", state("REGISTERING"), refused).await;
    world.call("UpdateContainerInstancesState", state("ACTIVE")).await.unwrap();

    let gone = |force: bool| json!({"containerInstance": arn, "force": force});
    let refused = "InvalidParameterException: Found running tasks on the instance.";
    world.refused("DeregisterContainerInstance", gone(false), refused).await;
    world.call("DeregisterContainerInstance", gone(true)).await.unwrap();
    let stopped = world.call("ListTasks", json!({"desiredStatus": "STOPPED"})).await.unwrap();
    let input = json!({"tasks": stopped["taskArns"]});
    let described = world.call("DescribeTasks", input).await.unwrap();
    assert_eq!(described["tasks"][0]["stoppedReason"], "Container instance deregistration forced by user");
}

#[tokio::test]
async fn attributes_are_put_queried_and_deleted() {
    let world = world("default", true).await;
    world.create("default").await;
    let arn = world.instance("default").await["containerInstanceArn"].clone();
    let stack = |value: &str| json!({"attributes": [{"name": "stack", "value": value, "targetId": arn}]});
    world.call("PutAttributes", stack("prod")).await.unwrap();
    let found = |filter: &str| world.call("ListContainerInstances", json!({"filter": filter}));
    let hit = found("attribute:stack == prod and runningTasksCount == 0").await.unwrap();
    assert_eq!(hit["containerInstanceArns"], json!([arn]));
    let miss = found("attribute:stack == test").await.unwrap();
    assert_eq!(miss["containerInstanceArns"], json!([]));
    let listed = json!({"targetType": "container-instance", "attributeName": "stack"});
    let listed = world.call("ListAttributes", listed).await.unwrap();
    assert_eq!(listed["attributes"], json!([{"name": "stack", "value": "prod", "targetId": arn}]));
    world.call("DeleteAttributes", stack("other")).await.unwrap();
    assert_eq!(found("attribute:stack exists").await.unwrap()["containerInstanceArns"], json!([arn]));
    world.call("DeleteAttributes", stack("prod")).await.unwrap();
    assert_eq!(found("attribute:stack exists").await.unwrap()["containerInstanceArns"], json!([]));
    let refused = "InvalidParameterException: Attribute name 'ecs.os-type' is reserved.";
    let own = json!({"attributes": [{"name": "ecs.os-type", "value": "x", "targetId": arn}]});
    world.refused("PutAttributes", own, refused).await;
    let missing = json!({"attributes": [
        {"name": "a", "targetId": "0".repeat(32), "targetType": "container-instance"}]});
    world
        .refused("PutAttributes", missing, "TargetNotFoundException: The specified target was not found.")
        .await;
    let many: Vec<_> = (0..10).map(|n| json!({"name": format!("a{n}"), "targetId": arn})).collect();
    world.call("PutAttributes", json!({"attributes": many})).await.unwrap();
    let refused = "AttributeLimitExceededException: The maximum number of custom attributes of a container instance \
                   is 10.";
    world.refused("PutAttributes", stack("prod"), refused).await;
}
