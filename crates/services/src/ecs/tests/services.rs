//! Services: what may be asked for, how they are described, and what the scheduler makes of them.

use model::Timestamp;
use model::ecs::node::CpuArchitecture;
use model::ecs::{ClusterName, LastStatus, Node, NodeId, ServiceName};
use reconcile::task::Report;
use serde_json::{Value as Json, json};
use wire::ec2 as networks;
use wire::elbv2 as balancing;

use super::{World, arn, definition};
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

#[tokio::test]
async fn a_service_is_described_as_it_was_asked_for() {
    let (world, network) = ready().await;
    let asked = with(
        request(&network),
        json!({ "propagateTags": "SERVICE", "enableECSManagedTags": true, "healthCheckGracePeriodSeconds": 7,
                "deploymentConfiguration": { "maximumPercent": 150,
                                             "deploymentCircuitBreaker": { "enable": true, "rollback": false } } }),
    );
    world.done("CreateService", asked.clone()).await;
    let found = described(&world).await;
    let same = |member: &str, expected: Json| assert_eq!(found[member], expected, "{member}");
    same("serviceArn", json!(arn("service/default/web")));
    same("status", json!("ACTIVE"));
    same("desiredCount", json!(2));
    same("taskDefinition", json!(arn("task-definition/web:1")));
    same("launchType", json!("FARGATE"));
    same("platformVersion", json!("LATEST"));
    same("platformFamily", json!("Linux"));
    same("propagateTags", json!("SERVICE"));
    same("enableECSManagedTags", json!(true));
    same("healthCheckGracePeriodSeconds", json!(7));
    same("schedulingStrategy", json!("REPLICA"));
    same("availabilityZoneRebalancing", json!("ENABLED"));
    same("deploymentController", json!({ "type": "ECS" }));
    same("tags", json!([{ "key": "team", "value": "blue" }]));
    same(
        "deploymentConfiguration",
        json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": false }, "maximumPercent": 150,
                "minimumHealthyPercent": 100, "strategy": "ROLLING", "bakeTimeInMinutes": 0 }),
    );
    let shown = &found["networkConfiguration"]["awsvpcConfiguration"];
    assert_eq!(shown["subnets"], network["awsvpcConfiguration"]["subnets"]);
    assert_eq!(shown["assignPublicIp"], "DISABLED");
    let id = found["deployments"][0]["id"].as_str().unwrap().to_owned();
    let number = id.strip_prefix("ecs-svc/").unwrap();
    assert!(number.len() == 19 && number.bytes().all(|b| b.is_ascii_digit()));
    assert_eq!(found["deployments"][0]["rolloutStateReason"], format!("ECS deployment {id} in progress."));
    let revision = arn(&format!("service-revision/default/web/{number}"));
    assert_eq!(found["currentServiceRevisions"][0]["arn"], revision);
    // The same request again finds the same service; another one under its name is refused.
    let again = world.done("CreateService", asked.clone()).await;
    assert_eq!(again["service"]["deployments"][0]["id"], id);
    let refusal = "InvalidParameterException: Creation of service was not idempotent.";
    world.refused("CreateService", with(asked, json!({ "desiredCount": 3 })), refusal).await;

    let revisions =
        world.done("DescribeServiceRevisions", json!({ "serviceRevisionArns": [revision] })).await;
    assert_eq!(revisions["serviceRevisions"][0]["containerImages"][0]["image"], "web:1");
    let cluster = world.done("DescribeClusters", json!({ "include": ["STATISTICS"] })).await;
    assert_eq!(cluster["clusters"][0]["activeServicesCount"], 1);
    let statistics = cluster["clusters"][0]["statistics"].as_array().unwrap();
    assert!(statistics.contains(&json!({ "name": "activeFargateServiceCount", "value": "1" })));
    let listed = json!({ "serviceArns": [arn("service/default/web")] });
    world.check("ListServices", json!({ "launchType": "FARGATE" }), listed).await;
    world.check("ListServices", json!({ "launchType": "EC2" }), json!({ "serviceArns": [] })).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_ecss_words() {
    let (world, network) = ready().await;
    let check = async |members: Json, expected: &str| {
        world.refused("CreateService", with(request(&network), members), expected).await;
    };
    let invalid = |text: &str| format!("InvalidParameterException: {text}");
    check(json!({ "cluster": "none" }), "ClusterNotFoundException: Cluster not found.").await;
    check(json!({ "taskDefinition": "none" }), "ClientException: TaskDefinition not found.").await;
    check(json!({ "taskDefinition": "" }), &invalid("TaskDefinition cannot be empty.")).await;
    check(
        json!({ "networkConfiguration": {} }),
        &invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."),
    )
    .await;
    check(
        json!({ "deploymentConfiguration": { "minimumHealthyPercent": 100, "maximumPercent": 100 } }),
        &invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ),
    )
    .await;
    check(
        json!({ "schedulingStrategy": "DAEMON" }),
        &invalid(
            "The daemon scheduling strategy does not support a desired count for services. Remove the desired count \
             value and try again",
        ),
    )
    .await;
    check(
        json!({ "loadBalancers": [{ "targetGroupArn": "arn:aws:x", "containerName": "none", "containerPort": 80 }] }),
        &invalid("The container none does not exist in the task definition."),
    )
    .await;
    check(
        json!({ "deploymentController": { "type": "CODE_DEPLOY" } }),
        "UnsupportedFeatureException: Deployment controllers other than ECS are not supported.",
    )
    .await;
    check(
        json!({ "deploymentConfiguration": { "strategy": "BLUE_GREEN" } }),
        "UnsupportedFeatureException: Deployment strategies other than ROLLING are not supported.",
    )
    .await;
    check(
        json!({ "serviceConnectConfiguration": { "enabled": true } }),
        "UnsupportedFeatureException: Service Connect configurations are not supported.",
    )
    .await;
    check(json!({ "desiredCount": -1 }), &invalid("desiredCount must be greater than or equal to 0.")).await;
    assert_eq!(world.done("ListServices", json!({})).await, json!({ "serviceArns": [] }));
}

#[tokio::test]
async fn the_scheduler_starts_replaces_and_stops() {
    let (mut world, network) = ready().await;
    world.done("CreateService", with(request(&network), json!({ "enableECSManagedTags": true }))).await;
    run_all(&world).await;
    let service = described(&world).await;
    assert_eq!((&service["runningCount"], &service["pendingCount"]), (&json!(2), &json!(0)));
    let id = service["deployments"][0]["id"].clone();
    let first = tasks(&world).await;
    let task = world.done("DescribeTasks", json!({ "tasks": [first[0]], "include": ["TAGS"] })).await;
    let task = &task["tasks"][0];
    assert_eq!((&task["startedBy"], &task["group"]), (&id, &json!("service:web")));
    let managed = json!([{ "key": "aws:ecs:clusterName", "value": "default" },
                         { "key": "aws:ecs:serviceName", "value": "web" }]);
    assert_eq!(task["tags"], managed);

    // One dies, and is replaced once.
    report(&world, &first[0], LastStatus::Stopped).await;
    run_all(&world).await;
    let second = tasks(&world).await;
    assert_eq!(second.len(), 2);
    assert!(!second.contains(&first[0]) && second.contains(&first[1]));

    // After 40 seconds they have proved themselves.
    world.advance(41_000);
    look(&world).await;
    let service = described(&world).await;
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    let newest: Vec<_> =
        service["events"].as_array().unwrap().iter().map(|it| it["message"].clone()).collect();
    assert_eq!(newest[0], "(service web) has reached a steady state.");
    assert_eq!(
        newest[1],
        format!("(service web) (deployment {}) deployment completed.", id.as_str().unwrap())
    );

    world.done("UpdateService", json!({ "service": "web", "desiredCount": 0 })).await;
    look(&world).await;
    let stopped = world.done("DescribeTasks", json!({ "tasks": second })).await;
    for task in stopped["tasks"].as_array().unwrap() {
        assert_eq!(task["desiredStatus"], "STOPPED");
        assert_eq!(task["stopCode"], "ServiceSchedulerInitiated");
        let reason = format!("Scaling activity initiated by (deployment {})", id.as_str().unwrap());
        assert_eq!(task["stoppedReason"], reason);
    }
}

#[tokio::test]
async fn a_new_revision_overtakes_the_one_under_way() {
    let (world, network) = ready().await;
    world.done("CreateService", request(&network)).await;
    run_all(&world).await;
    let update = |members: Json| with(json!({ "service": "web" }), members);
    let same = world.done("UpdateService", update(json!({ "taskDefinition": "web:1" }))).await;
    assert_eq!(same["service"]["deployments"].as_array().unwrap().len(), 1, "nothing changed");
    let second = world.done("UpdateService", update(json!({ "taskDefinition": "web" }))).await;
    let deployments = second["service"]["deployments"].as_array().unwrap().clone();
    assert_eq!(deployments.len(), 2);
    assert_eq!((&deployments[0]["status"], &deployments[1]["status"]), (&json!("PRIMARY"), &json!("ACTIVE")));
    assert_eq!(deployments[0]["taskDefinition"], arn("task-definition/web:2"));
    let forced = world.done("UpdateService", update(json!({ "forceNewDeployment": true }))).await;
    let record = forced["service"]["currentServiceDeployment"].as_str().unwrap().to_owned();
    let listed = world.done("ListServiceDeployments", json!({ "service": "web" })).await;
    let mut statuses: Vec<_> = listed["serviceDeployments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["serviceDeploymentArn"].as_str() == Some(&record), it["status"].clone()))
        .collect();
    statuses.sort_by_key(|(current, _)| !*current);
    assert_eq!(statuses[0].1, "IN_PROGRESS");
    assert!(statuses[1..].iter().all(|(_, status)| status == "STOPPED"), "{statuses:?}");
    // Nothing was ever completed, so there is nothing to go back to.
    let refusal = "ConflictException: There is no completed service deployment to roll back to.";
    world.refused("StopServiceDeployment", json!({ "serviceDeploymentArn": record }), refusal).await;
}

#[tokio::test]
async fn a_stopped_deployment_is_rolled_back() {
    let (mut world, network) = ready().await;
    world.done("CreateService", request(&network)).await;
    run_all(&world).await;
    world.advance(41_000);
    look(&world).await;
    let before = described(&world).await;
    let answer = world.done("UpdateService", json!({ "service": "web", "taskDefinition": "web:2" })).await;
    let record = answer["service"]["currentServiceDeployment"].as_str().unwrap().to_owned();
    look(&world).await;
    world.done("StopServiceDeployment", json!({ "serviceDeploymentArn": record })).await;
    look(&world).await;
    let after = described(&world).await;
    assert_eq!(after["deployments"][0]["id"], before["deployments"][0]["id"]);
    assert_eq!(after["taskDefinition"], arn("task-definition/web:1"));
    let shown = world.done("DescribeServiceDeployments", json!({ "serviceDeploymentArns": [record] })).await;
    let shown = &shown["serviceDeployments"][0];
    assert_eq!(shown["rollback"]["serviceRevisionArn"], after["currentServiceRevisions"][0]["arn"]);
}

#[tokio::test]
async fn a_service_drains_before_it_is_gone() {
    let (world, network) = ready().await;
    world.done("CreateService", request(&network)).await;
    run_all(&world).await;
    world
        .refused(
            "DeleteService",
            json!({ "service": "web" }),
            "InvalidParameterException: The service cannot be stopped while it is scaled above 0.",
        )
        .await;
    let deleted = world.done("DeleteService", json!({ "service": "web", "force": true })).await;
    assert_eq!(deleted["service"]["status"], "DRAINING");
    world
        .refused(
            "CreateService",
            request(&network),
            "InvalidParameterException: Unable to Start a service that is still Draining.",
        )
        .await;
    world
        .refused(
            "DeleteCluster",
            json!({ "cluster": "default" }),
            "ClusterContainsServicesException: The Cluster cannot be deleted while Services are active.",
        )
        .await;
    let running = tasks(&world).await;
    look(&world).await;
    for task in running {
        report(&world, &task, LastStatus::Stopped).await;
    }
    look(&world).await;
    let gone = described(&world).await;
    assert_eq!((&gone["status"], &gone["deployments"]), (&json!("INACTIVE"), &json!([])));
    let refusal = "ServiceNotActiveException: Service was not ACTIVE.";
    world.refused("UpdateService", json!({ "service": "web", "desiredCount": 1 }), refusal).await;
    let refusal = "ServiceNotFoundException: Service not found.";
    world.refused("DeleteService", json!({ "service": "web" }), refusal).await;
    // Its name is free again, and its events are not the new one's.
    world.done("CreateService", request(&network)).await;
    assert_eq!(described(&world).await["events"], json!([]));
}

#[tokio::test]
async fn tasks_without_a_place_are_told_of_once() {
    let (world, network) = ready().await;
    door::disconnect_all(&world.ctx.cloud.store, world.ctx.now).await.unwrap();
    world.done("CreateService", request(&network)).await;
    look(&world).await;
    let service = described(&world).await;
    let events = service["events"].as_array().unwrap();
    assert_eq!(events.len(), 1);
    let text = events[0]["message"].as_str().unwrap();
    assert!(
        text.starts_with("(service web) was unable to place a task. Reason: Capacity is unavailable"),
        "{text}"
    );
    assert_eq!(tasks(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn services_carry_tags() {
    let (world, network) = ready().await;
    world.done("CreateService", request(&network)).await;
    let resource = arn("service/default/web");
    let tags = json!([{ "key": "b", "value": "2" }]);
    world.done("TagResource", json!({ "resourceArn": resource, "tags": tags })).await;
    let expected = json!({ "tags": [{ "key": "b", "value": "2" }, { "key": "team", "value": "blue" }] });
    world.check("ListTagsForResource", json!({ "resourceArn": resource }), expected).await;
}

#[tokio::test]
async fn protection_is_for_tasks_of_services() {
    let (world, network) = ready().await;
    world.done("CreateService", request(&network)).await;
    run_all(&world).await;
    let one = tasks(&world).await.remove(0);
    let protect = json!({ "cluster": "default", "tasks": [one, "f".repeat(32)], "protectionEnabled": true });
    let answer = world.done("UpdateTaskProtection", protect).await;
    assert_eq!(answer["protectedTasks"][0]["protectionEnabled"], true);
    let seconds = answer["protectedTasks"][0]["expirationDate"].as_f64();
    assert_eq!(seconds, Some(1_700_000_000.0 + 7200.0));
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
    world.done("UpdateService", json!({ "service": "web", "desiredCount": 0 })).await;
    look(&world).await;
    assert_eq!(tasks(&world).await, [one]);
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

#[tokio::test]
async fn tasks_join_their_target_group_and_leave_it_before_they_stop() {
    let (mut world, network) = ready().await;
    with_port(&world).await;
    let group = target_group(&world, "front", "ip", Some(&network)).await;
    let asked = with(request(&network), behind(&group));
    world.done("CreateService", with(asked, json!({ "taskDefinition": "web:3" }))).await;
    run_all(&world).await;
    assert_eq!(targets(&world, &group).await, ["initial", "initial"]);
    let service = described(&world).await;
    assert_eq!(service["loadBalancers"], behind(&group)["loadBalancers"]);
    assert_eq!(service["healthCheckGracePeriodSeconds"], 0);
    let said = service["events"].to_string();
    assert!(
        said.contains(&format!("(service web) registered 2 targets in (target-group {group})")),
        "{said}"
    );
    world.advance(60_000);
    look(&world).await;
    assert_eq!(
        described(&world).await["deployments"][0]["rolloutState"],
        "IN_PROGRESS",
        "a task that no load balancer finds healthy proves nothing"
    );

    world.done("UpdateService", json!({ "service": "web", "desiredCount": 1 })).await;
    look(&world).await;
    let mut states = targets(&world, &group).await;
    states.sort();
    assert_eq!(states, ["draining", "initial"]);
    let stopped = world.done("ListTasks", json!({ "serviceName": "web", "desiredStatus": "STOPPED" })).await;
    let stopping = json!({ "tasks": stopped["taskArns"] });
    let shown = world.done("DescribeTasks", stopping.clone()).await;
    assert_eq!(shown["tasks"][0]["lastStatus"], "DEACTIVATING");
    // The deregistration delay is over: now its containers may end.
    world.advance(301_000);
    look(&world).await;
    let shown = world.done("DescribeTasks", stopping).await;
    assert_eq!(shown["tasks"][0]["lastStatus"], "STOPPING");
}

#[tokio::test]
async fn a_target_group_must_fit() {
    let (world, network) = ready().await;
    with_port(&world).await;
    let request = with(request(&network), json!({ "taskDefinition": "web:3" }));
    let lonely = target_group(&world, "lonely", "ip", None).await;
    let text = format!(
        "InvalidParameterException: The target group with targetGroupArn {lonely} does not have an associated load \
         balancer."
    );
    world.refused("CreateService", with(request.clone(), behind(&lonely)), &text).await;
    let wrong = target_group(&world, "wrong", "instance", Some(&network)).await;
    let text = format!(
        "InvalidParameterException: The provided target group {wrong} has target type instance, which is \
         incompatible with the awsvpc network mode specified in the task definition."
    );
    world.refused("CreateService", with(request.clone(), behind(&wrong)), &text).await;
    let mut port = behind(&lonely);
    port["loadBalancers"][0]["containerPort"] = json!(81);
    let text = "InvalidParameterException: The container web did not have a container port 81 defined.";
    world.refused("CreateService", with(request, port), text).await;
}
