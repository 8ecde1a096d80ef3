//! Services: a world with a node, definitions and load balancers, for the tests of each part.

mod balanced;
mod deployments;
mod requests;
mod scheduling;
mod task_sets;

use model::Timestamp;
use model::ecs::node::CpuArchitecture;
use model::ecs::{ClusterName, LastStatus, Node, NodeId, ServiceName};
use reconcile::task::Report;
use serde_json::{Value as Json, json};
use wire::ec2 as networks;
use wire::elbv2 as balancing;

use super::{World, definition};
use crate::ecs::door;
use crate::ecs::schedule::{self, ServiceKey};
use crate::room::Handler;

/// A world with a cluster, a node and the definitions `web:1` and `web:2`.
async fn ready() -> (World, Json) {
    let world = World::new().await;
    world.done("CreateCluster", json!({})).await;
    world.done("RegisterTaskDefinition", definition("web")).await;
    world.done("RegisterTaskDefinition", definition("web")).await;
    let node = Node {
        id: NodeId::new(format!("{:032x}", 1)).unwrap(),
        cpu_units: 16_384,
        memory_mib: 65_536,
        architecture: CpuArchitecture::X86_64,
        zone: "a".into(),
        attributes: Default::default(),
        agent_version: "0".into(),
        connected: true,
        connected_at: Timestamp::EPOCH,
        registered_at: Timestamp::EPOCH,
        membership: None,
        reserved_ports: Default::default(),
    };
    door::register_node(&world.ctx.cloud.store, node).await.unwrap();
    let found = networks::DescribeSubnets::run(&world.ctx, Default::default()).await.unwrap();
    let subnets: Vec<_> = found.subnets.unwrap().into_iter().filter_map(|it| it.subnet_id).collect();
    (world, json!({ "awsvpcConfiguration": { "subnets": subnets } }))
}

fn request(network: &Json) -> Json {
    json!({
        "serviceName": "web", "taskDefinition": "web:1", "desiredCount": 2, "launchType": "FARGATE",
        "networkConfiguration": network, "tags": [{ "key": "team", "value": "blue" }],
    })
}

fn with(mut base: Json, members: Json) -> Json {
    let Json::Object(members) = members else { panic!("members are an object") };
    members.into_iter().for_each(|(name, value)| base[name] = value);
    base
}

/// What the driver does, until nothing is left to do.
async fn look(world: &World) {
    let key = ServiceKey {
        scope: world.ctx.scope.clone(),
        cluster: ClusterName::default_name(),
        name: ServiceName::new("web").unwrap(),
    };
    for _ in 0..10 {
        schedule::look(&world.ctx.cloud, &world.ctx.ids, &key, world.ctx.now).await.unwrap();
    }
}

async fn described(world: &World) -> Json {
    let answer = world.done("DescribeServices", json!({ "services": ["web"], "include": ["TAGS"] })).await;
    answer["services"][0].clone()
}

async fn tasks(world: &World) -> Vec<String> {
    let answer = world.done("ListTasks", json!({ "serviceName": "web" })).await;
    answer["taskArns"].as_array().unwrap().iter().map(|arn| arn.as_str().unwrap().to_owned()).collect()
}

async fn report(world: &World, task: &str, status: LastStatus) {
    let report = Report { status: Some(status), ..Report::default() };
    door::report(&world.ctx.cloud.store, task, &report, world.ctx.now).await.unwrap();
}

async fn run_all(world: &World) {
    look(world).await;
    for task in tasks(world).await {
        for status in [LastStatus::Pending, LastStatus::Running] {
            report(world, &task, status).await;
        }
    }
    look(world).await;
}

/// A target group of type `kind` behind a listener of an application load balancer, or behind none.
async fn target_group(world: &World, name: &str, kind: &str, network: Option<&Json>) -> String {
    let vpcs = networks::DescribeVpcs::run(&world.ctx, Default::default()).await.unwrap().vpcs.unwrap();
    let group = balancing::CreateTargetGroupInput {
        name: name.into(),
        protocol: Some("HTTP".into()),
        port: Some(80),
        vpc_id: vpcs[0].vpc_id.clone(),
        target_type: Some(kind.into()),
        ..Default::default()
    };
    let made = balancing::CreateTargetGroup::run(&world.ctx, group).await.unwrap();
    let group = made.target_groups.unwrap()[0].target_group_arn.clone().unwrap();
    let Some(network) = network else { return group };
    let subnets: Vec<String> =
        serde_json::from_value(network["awsvpcConfiguration"]["subnets"].clone()).unwrap();
    let balancer = balancing::CreateLoadBalancerInput {
        name: name.into(),
        subnets: Some(subnets),
        ..Default::default()
    };
    let made = balancing::CreateLoadBalancer::run(&world.ctx, balancer).await.unwrap();
    let balancer = made.load_balancers.unwrap()[0].load_balancer_arn.clone().unwrap();
    let forward = balancing::Action {
        r#type: "forward".into(),
        target_group_arn: Some(group.clone()),
        ..Default::default()
    };
    let listener = balancing::CreateListenerInput {
        load_balancer_arn: balancer,
        protocol: Some("HTTP".into()),
        port: Some(8080),
        default_actions: vec![forward],
        ..Default::default()
    };
    balancing::CreateListener::run(&world.ctx, listener).await.unwrap();
    group
}

async fn targets(world: &World, group: &str) -> Vec<String> {
    let input = balancing::DescribeTargetHealthInput { target_group_arn: group.into(), ..Default::default() };
    let found = balancing::DescribeTargetHealth::run(&world.ctx, input).await.unwrap();
    let found = found.target_health_descriptions.unwrap();
    found.into_iter().filter_map(|it| it.target_health?.state).collect()
}

fn behind(group: &str) -> Json {
    json!({ "loadBalancers": [{ "targetGroupArn": group, "containerName": "web", "containerPort": 80 }] })
}

async fn with_port(world: &World) {
    let mut web = definition("web");
    web["containerDefinitions"][0]["portMappings"] = json!([{ "containerPort": 80 }]);
    world.done("RegisterTaskDefinition", web).await;
}
