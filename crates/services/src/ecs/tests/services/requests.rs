//! Services: what may be asked for, and how they are described.

use serde_json::{Value as Json, json};

use super::{described, ready, request, with};
use crate::ecs::tests::arn;

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
        "UnsupportedFeatureException: The CODE_DEPLOY deployment controller is not supported.",
    )
    .await;
    check(
        json!({ "deploymentConfiguration": { "alarms": { "alarmNames": ["a"], "enable": true, "rollback": true } } }),
        "UnsupportedFeatureException: Deployment alarms are not supported: there are no CloudWatch alarms that could be \
         watched.",
    )
    .await;
    check(
        json!({ "serviceConnectConfiguration": { "enabled": true, "namespace": "nowhere" } }),
        "NamespaceNotFoundException: The specified namespace was not found.",
    )
    .await;
    check(json!({ "desiredCount": -1 }), &invalid("desiredCount must be greater than or equal to 0.")).await;
    assert_eq!(world.done("ListServices", json!({})).await, json!({ "serviceArns": [] }));
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
