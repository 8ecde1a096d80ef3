//! Services: what the scheduler makes of them, from the first start to the end.

use model::ecs::LastStatus;
use serde_json::{Value as Json, json};

use super::{described, look, ready, report, request, run_all, tasks, with};
use crate::ecs::tests::{World, arn};
use crate::ecs::{door, reap};

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

#[tokio::test]
async fn the_history_of_a_service_ends_after_ninety_days_but_for_the_present() {
    let (mut world, network) = ready().await;
    world.done("CreateService", request(&network)).await;
    for _ in 0..2 {
        run_all(&world).await;
        world.advance(41_000);
        look(&world).await;
        let told = world.done("ListTasks", json!({ "serviceName": "web", "desiredStatus": "STOPPED" })).await;
        for task in told["taskArns"].as_array().unwrap() {
            report(&world, task.as_str().unwrap(), LastStatus::Stopped).await;
        }
        look(&world).await;
        world.done("UpdateService", json!({ "service": "web", "forceNewDeployment": true })).await;
    }
    let records = async |world: &World| {
        let listed = world.done("ListServiceDeployments", json!({ "service": "web" })).await;
        let all = listed["serviceDeployments"].as_array().unwrap().clone();
        all.into_iter().map(|it| it["targetServiceRevisionArn"].clone()).collect::<Vec<_>>()
    };
    let before = records(&world).await;
    assert_eq!(before.len(), 3);
    let store = world.ctx.cloud.store.clone();
    world.advance(90 * 24 * 3_600_000 - 3_600_000);
    assert_eq!(reap::service_deployments(&store, world.ctx.now).await.unwrap(), 0);
    world.advance(3_600_000);
    assert_eq!(reap::service_deployments(&store, world.ctx.now).await.unwrap(), 2);
    assert_eq!(reap::service_deployments(&store, world.ctx.now).await.unwrap(), 0);
    let after = records(&world).await;
    assert_eq!(after.len(), 1, "the change under way stays");
    // The revision that its tasks run stays, and the one that may come back; the first is forgotten.
    let shown = world.done("DescribeServiceRevisions", json!({ "serviceRevisionArns": before })).await;
    assert_eq!(shown["serviceRevisions"].as_array().unwrap().len(), 2);
    assert_eq!(shown["failures"][0]["reason"], "MISSING");
}

#[tokio::test]
async fn tasks_of_a_service_go_to_the_zone_that_has_fewest_of_them() {
    let (world, network) = ready().await;
    let crowded =
        json!({ "awsvpcConfiguration": { "subnets": [network["awsvpcConfiguration"]["subnets"][0]] } });
    let alone = json!({ "taskDefinition": "web:1", "launchType": "FARGATE", "count": 4, "networkConfiguration": crowded });
    world.done("RunTask", alone).await;
    world.done("CreateService", with(request(&network), json!({ "desiredCount": 3 }))).await;
    run_all(&world).await;
    let shown = world.done("DescribeTasks", json!({ "tasks": tasks(&world).await })).await;
    let zones: std::collections::BTreeSet<String> =
        shown["tasks"].as_array().unwrap().iter().map(|task| task["availabilityZone"].to_string()).collect();
    assert_eq!(zones.len(), 3, "{zones:?}");
}

#[tokio::test]
async fn zones_are_balanced_where_that_can_be() {
    let (mut world, network) = ready().await;
    let first =
        json!({ "awsvpcConfiguration": { "subnets": [network["awsvpcConfiguration"]["subnets"][0]] } });
    world.done("CreateService", with(request(&first), json!({ "desiredCount": 4 }))).await;
    run_all(&world).await;
    world.advance(41_000);
    look(&world).await;
    // The same tasks, and two more zones: as if subnets had been full until now.
    world.done("UpdateService", json!({ "service": "web", "networkConfiguration": network })).await;
    run_all(&world).await;
    world.advance(41_000);
    run_all(&world).await;
    let shown = world.done("DescribeTasks", json!({ "tasks": tasks(&world).await })).await;
    let mut zones = std::collections::BTreeMap::<String, usize>::new();
    for task in shown["tasks"].as_array().unwrap() {
        *zones.entry(task["availabilityZone"].to_string()).or_default() += 1;
    }
    assert!(zones.len() == 3 && zones.values().all(|count| *count <= 2), "{zones:?}");
    let asked = json!({ "availabilityZoneRebalancing": "ENABLED", "deploymentConfiguration": { "maximumPercent": 100,
                        "minimumHealthyPercent": 50 }, "serviceName": "other" });
    let refusal = "InvalidParameterException: availabilityZoneRebalancing needs the REPLICA scheduling strategy, a \
                   maximum percent above 100, and spread over attribute:ecs.availability-zone as the first placement \
                   strategy, if there is one.";
    world.refused("CreateService", with(request(&network), asked), refusal).await;
}
