//! Services behind load balancers: their tasks join target groups, which must fit.

use serde_json::json;

use super::{behind, described, look, ready, request, run_all, target_group, targets, with, with_port};

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
