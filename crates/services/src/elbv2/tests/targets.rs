//! Targets: registering, draining, and the doors through which the ecs room does both.

use model::elbv2::{TargetKey, TargetState};
use serde_json::{Value as Json, json};
use store::Txn;

use super::{World, text};
use crate::elbv2::door::{self, NewTarget};

async fn states(world: &World, group: &str) -> Vec<(String, String, Option<String>)> {
    let shown = world.done("DescribeTargetHealth", json!({ "TargetGroupArn": group })).await;
    let row = |it: &Json| {
        let health = &it["TargetHealth"];
        let reason = health["Reason"].as_str().map(str::to_owned);
        (text(&it["Target"]["Id"]), text(&health["State"]), reason)
    };
    shown["TargetHealthDescriptions"].as_array().unwrap().iter().map(row).collect()
}

fn register(group: &str, id: &str) -> Json {
    json!({ "TargetGroupArn": group, "Targets": [{ "Id": id }] })
}

#[tokio::test]
async fn a_target_is_unused_until_a_listener_uses_its_group() {
    let world = World::new().await;
    let group = world.target_group("web", "HTTP").await;
    world.done("RegisterTargets", register(&group, "127.0.0.9")).await;
    world.done("RegisterTargets", register(&group, "127.0.0.9")).await;
    let reason = |reason: &str| Some(reason.to_owned());
    let unused = ("127.0.0.9".to_owned(), "unused".to_owned(), reason("Target.NotInUse"));
    assert_eq!(states(&world, &group).await, [unused]);
    let load_balancer = world.load_balancer("web").await;
    world.listener(&load_balancer, 80, &group).await;
    let initial = ("127.0.0.9".to_owned(), "initial".to_owned(), reason("Elb.RegistrationInProgress"));
    assert_eq!(states(&world, &group).await, [initial]);
    let asked = json!({ "TargetGroupArn": group, "Targets": [{ "Id": "127.0.0.9" }, { "Id": "127.0.0.9", "Port": 81 }] });
    let shown = world.done("DescribeTargetHealth", asked).await;
    let of = |at: usize| shown["TargetHealthDescriptions"][at]["TargetHealth"].clone();
    assert_eq!(of(0)["Description"], "Target registration is in progress");
    let missing = json!({
        "State": "unused", "Reason": "Target.NotRegistered",
        "Description": "Target is not registered to the target group",
    });
    assert_eq!(of(1), missing);
}

#[tokio::test]
async fn a_deregistered_target_drains_and_goes() {
    let mut world = World::new().await;
    let group = world.target_group("web", "HTTP").await;
    let load_balancer = world.load_balancer("web").await;
    world.listener(&load_balancer, 80, &group).await;
    world.done("RegisterTargets", register(&group, "127.0.0.9")).await;
    world.done("DeregisterTargets", register(&group, "127.0.0.9")).await;
    let draining = |(_, state, _): &(String, String, Option<String>)| state == "draining";
    assert!(states(&world, &group).await.iter().all(draining));
    world.advance(299);
    assert_eq!(states(&world, &group).await.len(), 1);
    world.advance(1);
    assert_eq!(states(&world, &group).await, []);
    assert_eq!(door::reap_drained_targets(&world.ctx.cloud.store, world.ctx.now).await.unwrap(), None);
    world.done("RegisterTargets", register(&group, "127.0.0.9")).await;
    assert_eq!(states(&world, &group).await[0].1, "initial", "it can come back");
}

#[tokio::test]
async fn addresses_are_checked() {
    let world = World::new().await;
    let group = world.target_group("web", "HTTP").await;
    for (id, expected) in [
        ("i-0123456789abcdef0", "ValidationError: The IP address 'i-"),
        ("8.8.8.8", "InvalidTarget: The IP address '8.8.8.8' is not within the VPC"),
        ("192.168.7.7", "ValidationError: The availability zone 'all' must be specified"),
    ] {
        world.refused("RegisterTargets", register(&group, id), expected).await;
    }
    let outside = json!([{ "Id": "192.168.7.7", "AvailabilityZone": "all" }]);
    world.done("RegisterTargets", json!({ "TargetGroupArn": group, "Targets": outside })).await;
    let many: Vec<_> = (0..1001).map(|n| json!({ "Id": format!("127.1.{}.{}", n / 250, n % 250) })).collect();
    let input = json!({ "TargetGroupArn": group, "Targets": many });
    world.refused("RegisterTargets", input, "TooManyTargets: ").await;
    let instances = json!({ "Name": "vm", "Protocol": "HTTP", "Port": 80, "VpcId": world.vpc });
    let made = world.done("CreateTargetGroup", instances).await;
    let group = text(&made["TargetGroups"][0]["TargetGroupArn"]);
    world.refused("RegisterTargets", register(&group, "i-0"), "InvalidTarget: ").await;
}

#[tokio::test]
async fn the_doors_register_and_deregister_in_the_callers_transaction() {
    let world = World::new().await;
    let (store, scope, now) = (&world.ctx.cloud.store, &world.ctx.scope, world.ctx.now);
    let group = world.target_group("web", "HTTP").await;
    let view = door::target_group(&store.snapshot(), scope, &group).unwrap();
    assert_eq!((view.port, view.load_balancer), (80, None));
    let load_balancer = world.load_balancer("web").await;
    world.listener(&load_balancer, 80, &group).await;
    let view = door::target_group(&store.snapshot(), scope, &group).unwrap();
    assert_eq!((view.load_balancer, view.deregistration_delay.as_secs()), (Some(load_balancer), 300));

    let key = TargetKey { id: "10.64.0.9".into(), port: 8080 };
    let new = NewTarget { key: key.clone(), address: "10.64.0.9".parse().unwrap(), availability_zone: None };
    let state = || door::target_health(&store.snapshot(), scope, &group, &key, now).unwrap().state;
    assert_eq!(state(), TargetState::Unused);
    let txn = door::register_targets(&store.snapshot(), Txn::new(), scope, &group, &[new], now).unwrap();
    store.commit(txn).await.unwrap();
    assert_eq!(state(), TargetState::Initial);
    let keys = [key.clone()];
    let txn = door::deregister_targets(&store.snapshot(), Txn::new(), scope, &group, &keys, now).unwrap();
    store.commit(txn).await.unwrap();
    assert_eq!(state(), TargetState::Draining);
    let again = door::deregister_targets(&store.snapshot(), Txn::new(), scope, &group, &keys, now).unwrap();
    assert!(again.is_read_only(), "draining is not prolonged");
    let missing = door::target_group(&store.snapshot(), scope, "nonsense").unwrap_err();
    assert_eq!(missing.code(), "ValidationError");
}

#[tokio::test]
async fn the_weights_of_a_rule_change_through_the_door() {
    let world = World::new().await;
    let (store, scope) = (&world.ctx.cloud.store, &world.ctx.scope);
    let (blue, green) = (world.target_group("blue", "HTTP").await, world.target_group("green", "HTTP").await);
    let load_balancer = world.load_balancer("web").await;
    let listener = world.listener(&load_balancer, 80, &blue).await;
    assert_eq!(door::forward_weights(&store.snapshot(), scope, &listener).unwrap(), [(blue.clone(), 1)]);
    let weights = [(blue.clone(), 0), (green.clone(), 100)];
    let snapshot = store.snapshot();
    let txn = door::set_forward_weights(&snapshot, Txn::new(), scope, &listener, &weights).unwrap();
    store.commit(txn).await.unwrap();
    assert_eq!(door::forward_weights(&store.snapshot(), scope, &listener).unwrap(), weights);
    let rules = world.done("DescribeRules", json!({ "ListenerArn": listener })).await;
    let default = text(&rules["Rules"][0]["RuleArn"]);
    assert_eq!(door::forward_weights(&store.snapshot(), scope, &default).unwrap(), weights);
    let tcp = [(world.target_group("tcp", "TCP").await, 1)];
    let refused = door::set_forward_weights(&store.snapshot(), Txn::new(), scope, &default, &tcp);
    assert_eq!(refused.unwrap_err().code(), "IncompatibleProtocols");
}
