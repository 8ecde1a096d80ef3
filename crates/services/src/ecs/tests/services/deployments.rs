//! Deployments that shift traffic: what may be asked for, the rules that are rewritten, and hooks.

use model::ecs::LastStatus;
use model::elbv2::{TargetHealth, TargetKey};
use serde_json::{Value as Json, json};
use wire::elbv2 as balancing;
use wire::iam as identities;

use super::{described, look, ready, report, request, run_all, target_group, tasks, with, with_port};
use crate::ecs::tests::World;
use crate::elbv2::door as targets;
use crate::elbv2::traffic::{Sighting, report_targets};
use crate::room::Handler;

const ROLE: &str = "arn:aws:iam::123456789012:role/balance";

/// A world with two target groups and a listener that forwards to the first one.
struct Front {
    world: World,
    network: Json,
    blue: String,
    green: String,
    listener: String,
}

impl Front {
    async fn new() -> Self {
        let (world, network) = ready().await;
        with_port(&world).await;
        for (name, service) in [("balance", "ecs.amazonaws.com"), ("tasks", "ecs-tasks.amazonaws.com")] {
            let trust = json!({ "Version": "2012-10-17", "Statement": [
                { "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }] });
            let role = identities::CreateRoleRequest {
                role_name: name.into(),
                assume_role_policy_document: trust.to_string(),
                ..Default::default()
            };
            identities::CreateRole::run(&world.ctx, role).await.unwrap();
        }
        let blue = target_group(&world, "front", "ip", Some(&network)).await;
        let green = target_group(&world, "back", "ip", None).await;
        let made = balancing::DescribeLoadBalancers::run(&world.ctx, Default::default()).await.unwrap();
        let balancer = made.load_balancers.unwrap()[0].load_balancer_arn.clone();
        let asked = balancing::DescribeListenersInput { load_balancer_arn: balancer, ..Default::default() };
        let found = balancing::DescribeListeners::run(&world.ctx, asked).await.unwrap();
        let listener = found.listeners.unwrap()[0].listener_arn.clone().unwrap();
        Front { world, network, blue, green, listener }
    }

    fn balancer(&self) -> Json {
        json!({ "targetGroupArn": self.blue, "containerName": "web", "containerPort": 80,
                "advancedConfiguration": { "alternateTargetGroupArn": self.green,
                                           "productionListenerRule": self.listener, "roleArn": ROLE } })
    }

    fn request(&self, configuration: Json) -> Json {
        let more = json!({ "taskDefinition": "web:3", "desiredCount": 1, "loadBalancers": [self.balancer()],
                           "deploymentConfiguration": configuration });
        with(request(&self.network), more)
    }

    /// Tasks run, and what is registered is healthy, until nothing is left to do.
    async fn go_on(&mut self) {
        for _ in 0..4 {
            run_all(&self.world).await;
            let ctx = &self.world.ctx;
            for group in [&self.blue, &self.green] {
                let input = balancing::DescribeTargetHealthInput {
                    target_group_arn: group.clone(),
                    ..Default::default()
                };
                let found = balancing::DescribeTargetHealth::run(ctx, input).await.unwrap();
                for target in found.target_health_descriptions.unwrap().into_iter().filter_map(|it| it.target)
                {
                    let key = TargetKey { id: target.id, port: u16::try_from(target.port.unwrap()).unwrap() };
                    let sighting = Sighting {
                        target_group: group.parse().unwrap(),
                        target: key,
                        registered_at: ctx.now,
                        health: TargetHealth::healthy(),
                    };
                    report_targets(&ctx.cloud.store, &[sighting]).await.unwrap();
                }
            }
            look(&self.world).await;
        }
    }

    fn weights(&self) -> Vec<(String, u16)> {
        let ctx = &self.world.ctx;
        targets::forward_weights(&ctx.cloud.store.snapshot(), &ctx.scope, &self.listener).unwrap()
    }

    async fn record(&self) -> Json {
        let listed = self.world.done("ListServiceDeployments", json!({ "service": "web" })).await;
        let newest = listed["serviceDeployments"][0]["serviceDeploymentArn"].clone();
        let shown =
            self.world.done("DescribeServiceDeployments", json!({ "serviceDeploymentArns": [newest] })).await;
        shown["serviceDeployments"][0].clone()
    }
}

#[tokio::test]
async fn blue_and_green_take_turns_and_a_hook_holds() {
    let mut front = Front::new().await;
    let hook = json!({ "targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"],
                       "timeoutConfiguration": { "timeoutInMinutes": 5, "action": "ROLLBACK" } });
    let configuration = json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, "lifecycleHooks": [hook] });
    front.world.done("CreateService", front.request(configuration)).await;
    front.go_on().await;
    let (blue, green) = (front.blue.clone(), front.green.clone());
    assert_eq!(
        front.weights(),
        [(green.clone(), 100), (blue.clone(), 0)],
        "the hook holds the first one too"
    );
    let held = front.record().await;
    assert_eq!(held["lifecycleHookDetails"][0]["status"], "AWAITING_ACTION");
    let resume = |record: &Json, action: &str| {
        json!({ "serviceDeploymentArn": record["serviceDeploymentArn"], "action": action,
                "hookId": record["lifecycleHookDetails"][0]["hookId"] })
    };
    front.world.done("ContinueServiceDeployment", resume(&held, "CONTINUE")).await;
    front.go_on().await;
    assert_eq!(front.weights(), [(green.clone(), 0), (blue.clone(), 100)]);
    assert_eq!(front.record().await["lifecycleStage"], "BAKE_TIME");
    front.world.advance(60_000);
    front.go_on().await;
    assert_eq!(front.record().await["status"], "SUCCESSFUL");
    let refusal = format!(
        "InvalidParameterException: The lifecycle hook {} does not wait for an action.",
        held["lifecycleHookDetails"][0]["hookId"].as_str().unwrap()
    );
    front.world.refused("ContinueServiceDeployment", resume(&held, "CONTINUE"), &refusal).await;

    front.world.done("UpdateService", json!({ "service": "web", "forceNewDeployment": true })).await;
    front.go_on().await;
    let second = front.record().await;
    assert_eq!(second["targetServiceRevision"]["requestedProductionTrafficWeight"], 0.0);
    assert_eq!(second["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"], 100.0);
    let revision = json!({ "serviceRevisionArns": [second["targetServiceRevision"]["arn"]] });
    let revision = front.world.done("DescribeServiceRevisions", revision).await;
    let chosen = &revision["serviceRevisions"][0]["resolvedConfiguration"]["loadBalancers"][0];
    assert_eq!(*chosen, json!({ "targetGroupArn": green, "productionListenerRule": front.listener }));
    assert_eq!(tasks(&front.world).await.len(), 2);
    front.world.done("ContinueServiceDeployment", resume(&second, "ROLLBACK")).await;
    front.go_on().await;
    front.world.advance(301_000);
    look(&front.world).await;
    let told =
        front.world.done("ListTasks", json!({ "serviceName": "web", "desiredStatus": "STOPPED" })).await;
    for task in told["taskArns"].as_array().unwrap() {
        report(&front.world, task.as_str().unwrap(), LastStatus::Stopped).await;
    }
    look(&front.world).await;
    let after = front.record().await;
    assert_eq!(
        (&after["status"], &after["lifecycleHookDetails"][0]["status"]),
        (&json!("ROLLBACK_SUCCESSFUL"), &json!("FAILED"))
    );
    assert_eq!(front.weights(), [(blue, 100), (green, 0)]);
    assert_eq!(described(&front.world).await["deployments"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_strategy_is_refused_what_it_cannot_use() {
    let front = Front::new().await;
    let check = async |configuration: Json, more: Json, expected: &str| {
        front.world.refused("CreateService", with(front.request(configuration), more), expected).await;
    };
    let invalid = |text: &str| format!("InvalidParameterException: {text}");
    let none = || json!({});
    check(
        json!({ "strategy": "BLUE_GREEN" }),
        none(),
        &invalid("bakeTimeInMinutes is required with the BLUE_GREEN deployment strategy."),
    )
    .await;
    let canary =
        |percent: f64| json!({ "strategy": "CANARY", "canaryConfiguration": { "canaryPercent": percent } });
    check(canary(0.05), none(), &invalid("canaryPercent must be a multiple of 0.1 from 0.1 to 100.0.")).await;
    let linear = json!({ "strategy": "LINEAR", "linearConfiguration": { "stepPercent": 2.0 } });
    check(linear, none(), &invalid("stepPercent must be a multiple of 0.1 from 3.0 to 100.0.")).await;
    check(
        json!({ "strategy": "LINEAR" }),
        json!({ "loadBalancers": [] }),
        &invalid("The LINEAR deployment strategy needs a load balancer."),
    )
    .await;
    let mut plain = front.balancer();
    plain.as_object_mut().unwrap().remove("advancedConfiguration");
    check(
        canary(10.0),
        json!({ "loadBalancers": [plain] }),
        &invalid(
            "advancedConfiguration is required for each load balancer with the CANARY deployment strategy.",
        ),
    )
    .await;
    let mut missing = front.balancer();
    missing["advancedConfiguration"]["productionListenerRule"] = json!(format!("{}x", front.listener));
    let found = front
        .world
        .call("CreateService", with(front.request(canary(10.0)), json!({ "loadBalancers": [missing] })));
    let error = found.await.unwrap_err();
    assert!(error.starts_with("InvalidParameterException: The listener rule"), "{error}");
    for role in ["missing", "tasks"] {
        let mut balancer = front.balancer();
        balancer["advancedConfiguration"]["roleArn"] =
            json!(format!("arn:aws:iam::123456789012:role/{role}"));
        let text = "Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS service \
                    role being passed has the proper permissions.";
        check(canary(10.0), json!({ "loadBalancers": [balancer] }), &invalid(text)).await;
    }
    let hook = |members: Json| json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": [members] });
    check(
        hook(json!({ "hookTargetArn": "arn:aws:lambda:us-east-2:123456789012:function:f", "roleArn": ROLE,
                     "lifecycleStages": ["POST_SCALE_UP"] })),
        none(),
        "UnsupportedFeatureException: Lifecycle hooks of the target type AWS_LAMBDA are not supported.",
    )
    .await;
    check(
        hook(json!({ "targetType": "PAUSE", "lifecycleStages": ["TEST_TRAFFIC_SHIFT"] })),
        none(),
        &invalid("PAUSE lifecycle hooks cannot be configured at the stage TEST_TRAFFIC_SHIFT."),
    )
    .await;
    check(
        json!({ "lifecycleHooks": [{ "targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"] }] }),
        none(),
        &invalid("Lifecycle hooks cannot be used with the ROLLING deployment strategy."),
    )
    .await;
}
