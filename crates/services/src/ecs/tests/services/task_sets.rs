//! Task sets: made, scaled, preferred and deleted by somebody else, and kept by the scheduler.

use model::ecs::LastStatus;
use serde_json::{Value as Json, json};

use super::{described, look, ready, report, run_all, tasks, with};
use crate::ecs::tests::{World, arn};

async fn external(world: &World, desired: u32) {
    let request = json!({ "serviceName": "web", "desiredCount": desired, "deploymentController": { "type": "EXTERNAL" } });
    world.done("CreateService", request).await;
}

fn of_web(members: Json) -> Json {
    with(json!({ "cluster": "default", "service": "web" }), members)
}

async fn create(world: &World, network: &Json, percent: f64, more: Json) -> Json {
    let base = json!({ "taskDefinition": "web:1", "launchType": "FARGATE", "networkConfiguration": network,
                       "scale": { "value": percent, "unit": "PERCENT" } });
    world.done("CreateTaskSet", of_web(with(base, more))).await["taskSet"].clone()
}

async fn sets(world: &World) -> Vec<Json> {
    let shown = world.done("DescribeTaskSets", of_web(json!({ "include": ["TAGS"] }))).await;
    shown["taskSets"].as_array().unwrap().clone()
}

async fn started_by(world: &World, set: &Json) -> usize {
    let listed = world.done("ListTasks", json!({ "startedBy": set["id"] })).await;
    listed["taskArns"].as_array().unwrap().len()
}

#[tokio::test]
async fn task_sets_keep_their_share_and_tell_when_they_are_steady() {
    let (mut world, network) = ready().await;
    external(&world, 4).await;
    let tags = json!([{ "key": "k", "value": "v" }]);
    let first = create(&world, &network, 100.0, json!({ "externalId": "one", "tags": tags })).await;
    let id = first["id"].as_str().unwrap();
    assert_eq!(first["taskSetArn"], arn(&format!("task-set/default/web/{id}")));
    assert_eq!((&first["status"], &first["stabilityStatus"]), (&json!("ACTIVE"), &json!("STABILIZING")));
    assert_eq!((&first["computedDesiredCount"], &first["externalId"]), (&json!(4), &json!("one")));
    run_all(&world).await;
    world.advance(41_000);
    look(&world).await;
    let shown = sets(&world).await.remove(0);
    assert_eq!((&shown["stabilityStatus"], &shown["runningCount"]), (&json!("STEADY_STATE"), &json!(4)));
    assert_eq!(shown["tags"], tags);

    let second = create(&world, &network, 30.0, json!({ "taskDefinition": "web:2" })).await;
    assert_eq!(second["computedDesiredCount"], 2, "1.2 is rounded up");
    run_all(&world).await;
    assert_eq!((started_by(&world, &first).await, started_by(&world, &second).await), (4, 2));
    // One dies, and its own task set replaces it.
    let own = world.done("ListTasks", json!({ "startedBy": second["id"] })).await;
    report(&world, own["taskArns"][0].as_str().unwrap(), LastStatus::Stopped).await;
    run_all(&world).await;
    assert_eq!((started_by(&world, &first).await, started_by(&world, &second).await), (4, 2));

    world.done("UpdateServicePrimaryTaskSet", of_web(json!({ "primaryTaskSet": second["id"] }))).await;
    let scale = json!({ "value": 100, "unit": "PERCENT" });
    world.done("UpdateTaskSet", of_web(json!({ "taskSet": second["taskSetArn"], "scale": scale }))).await;
    world
        .done(
            "UpdateTaskSet",
            of_web(json!({ "taskSet": first["id"], "scale": { "value": 0, "unit": "PERCENT" } })),
        )
        .await;
    run_all(&world).await;
    assert_eq!((started_by(&world, &first).await, started_by(&world, &second).await), (0, 4));
    let statuses: Vec<_> = sets(&world).await.iter().map(|set| set["status"].clone()).collect();
    assert_eq!(statuses, ["ACTIVE", "PRIMARY"]);
    let deleted = world.done("DeleteTaskSet", of_web(json!({ "taskSet": first["id"] }))).await;
    assert_eq!(deleted["taskSet"]["status"], "DRAINING");
    let stopped =
        world.done("ListTasks", json!({ "startedBy": first["id"], "desiredStatus": "STOPPED" })).await;
    for task in stopped["taskArns"].as_array().unwrap() {
        report(&world, task.as_str().unwrap(), LastStatus::Stopped).await;
    }
    look(&world).await;
    let service = described(&world).await;
    assert_eq!(service["deployments"], json!([]));
    assert_eq!(service["taskSets"].as_array().unwrap().len(), 1);
    assert_eq!(service["taskSets"][0]["id"], second["id"]);
    world.done("UpdateService", json!({ "service": "web", "desiredCount": 1 })).await;
    look(&world).await;
    assert_eq!(started_by(&world, &second).await, 1);
}

#[tokio::test]
async fn a_forced_deletion_stops_what_runs() {
    let (world, network) = ready().await;
    external(&world, 2).await;
    let set = create(&world, &network, 100.0, json!({})).await;
    run_all(&world).await;
    let refusal = "InvalidParameterException: The task set cannot be deleted while it is scaled above 0. Use force to \
                   delete it all the same.";
    world.refused("DeleteTaskSet", of_web(json!({ "taskSet": set["id"] })), refusal).await;
    let refusal = "InvalidParameterException: The service cannot be stopped while it is scaled above 0.";
    world.refused("DeleteService", json!({ "service": "web" }), refusal).await;
    world.done("DeleteTaskSet", of_web(json!({ "taskSet": set["id"], "force": true }))).await;
    look(&world).await;
    assert_eq!(tasks(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_belongs_to_task_sets_is_refused_elsewhere() {
    let (world, network) = ready().await;
    let controller = json!({ "type": "EXTERNAL" });
    let refusal = "InvalidParameterException: taskDefinition cannot be specified for services with the EXTERNAL \
                   deployment controller.";
    let request =
        json!({ "serviceName": "web", "taskDefinition": "web:1", "deploymentController": controller });
    world.refused("CreateService", request, refusal).await;
    external(&world, 1).await;
    external(&world, 1).await;
    let refusal = "InvalidParameterException: forceNewDeployment cannot be updated for services with the EXTERNAL \
                   deployment controller. Create a new task set.";
    world.refused("UpdateService", json!({ "service": "web", "forceNewDeployment": true }), refusal).await;
    let token = json!({ "clientToken": "t" });
    let set = create(&world, &network, 50.0, token.clone()).await;
    assert_eq!(create(&world, &network, 50.0, token).await["id"], set["id"], "the same request again");
    let missing = of_web(json!({ "taskSet": "ecs-svc/1", "scale": { "value": 1, "unit": "PERCENT" } }));
    world.refused("UpdateTaskSet", missing, "TaskSetNotFoundException: The task set was not found.").await;
    let scale = of_web(json!({ "taskSet": set["id"], "scale": { "value": 101, "unit": "PERCENT" } }));
    let refusal = "InvalidParameterException: Scale value must be between 0 and 100.";
    world.refused("UpdateTaskSet", scale, refusal).await;
    let shown =
        world.done("DescribeTaskSets", of_web(json!({ "taskSets": ["ecs-svc/1", set["taskSetArn"]] }))).await;
    assert_eq!(shown["failures"], json!([{ "arn": "ecs-svc/1", "reason": "MISSING" }]));
    assert_eq!(shown["taskSets"][0]["id"], set["id"]);
}
