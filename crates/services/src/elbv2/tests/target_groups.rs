//! Target groups: making, showing, changing and deleting them.

use serde_json::json;

use super::{World, arn, text};

#[tokio::test]
async fn a_group_is_shown_with_elbs_defaults() {
    let world = World::new().await;
    let input =
        json!({ "Name": "web", "Protocol": "HTTP", "Port": 80, "VpcId": world.vpc, "TargetType": "ip" });
    let made = world.done("CreateTargetGroup", input.clone()).await;
    let arn = text(&made["TargetGroups"][0]["TargetGroupArn"]);
    let expected = json!({ "TargetGroups": [{
        "TargetGroupArn": arn, "TargetGroupName": "web", "Protocol": "HTTP", "Port": 80, "VpcId": world.vpc,
        "HealthCheckProtocol": "HTTP", "HealthCheckPort": "traffic-port", "HealthCheckEnabled": true,
        "HealthCheckIntervalSeconds": 30, "HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2, "HealthCheckPath": "/", "Matcher": { "HttpCode": "200" },
        "LoadBalancerArns": [], "TargetType": "ip", "ProtocolVersion": "HTTP1", "IpAddressType": "ipv4",
    }]});
    assert_eq!(made, expected);
    assert_eq!(world.done("CreateTargetGroup", input.clone()).await, expected, "asking twice makes one");
    assert_eq!(world.done("DescribeTargetGroups", json!({ "Names": ["web"] })).await, expected);
    let mut other = input;
    other["Port"] = json!(81);
    let expected =
        "DuplicateTargetGroupName: A target group with the same name 'web' exists, but with different";
    world.refused("CreateTargetGroup", other, expected).await;
}

#[tokio::test]
async fn what_is_not_served_is_refused() {
    let world = World::new().await;
    let base =
        json!({ "Name": "web", "Protocol": "HTTP", "Port": 80, "VpcId": world.vpc, "TargetType": "ip" });
    for (member, value, expected) in [
        ("Name", json!("a_b"), "ValidationError: Target group name 'a_b' can only contain"),
        ("Protocol", json!("UDP"), "InvalidConfigurationRequest: The protocol 'UDP' is not supported"),
        (
            "Protocol",
            json!("SMTP"),
            "ValidationError: 1 validation error detected: Value 'SMTP' at 'protocol'",
        ),
        ("Protocol", json!(null), "ValidationError: A protocol must be specified"),
        ("Port", json!(null), "ValidationError: A port must be specified"),
        ("VpcId", json!("vpc-0"), "ValidationError: The VPC ID 'vpc-0' is not found"),
        ("TargetType", json!("lambda"), "InvalidConfigurationRequest: The target type 'lambda'"),
        ("ProtocolVersion", json!("HTTP3"), "InvalidConfigurationRequest: The protocol version 'HTTP3'"),
        ("IpAddressType", json!("ipv6"), "InvalidConfigurationRequest: "),
        ("HealthCheckTimeoutSeconds", json!(30), "ValidationError: Health check timeout '30'"),
        ("HealthCheckIntervalSeconds", json!(4), "ValidationError: 1 validation error detected: Value '4'"),
        ("Tags", json!([{ "Key": "a" }, { "Key": "a" }]), "DuplicateTagKeys: "),
        ("Tags", json!([{ "Key": "aws:a" }]), "ValidationError: "),
    ] {
        let mut input = base.clone();
        if value.is_null() {
            input.as_object_mut().unwrap().remove(member);
        } else {
            input[member] = value;
        }
        world.refused("CreateTargetGroup", input, expected).await;
    }
    let missing = arn("targetgroup/none/0123456789abcdef");
    for operation in ["ModifyTargetGroup", "DescribeTargetGroupAttributes", "DescribeTargetHealth"] {
        let input = json!({ "TargetGroupArn": missing });
        world.refused(operation, input, "TargetGroupNotFound: Target group 'arn:").await;
        let input = json!({ "TargetGroupArn": "web" });
        world.refused(operation, input, "ValidationError: 'web' is not a valid target group ARN").await;
    }
    world
        .refused("DescribeTargetGroups", json!({ "Names": ["none"] }), "TargetGroupNotFound: One or more")
        .await;
}

#[tokio::test]
async fn health_checks_and_attributes_change() {
    let world = World::new().await;
    let group = world.target_group("web", "HTTP").await;
    let changed = world
        .done(
            "ModifyTargetGroup",
            json!({ "TargetGroupArn": group, "HealthCheckPath": "/up", "Matcher": { "HttpCode": "200-299" } }),
        )
        .await;
    let shown = &changed["TargetGroups"][0];
    assert_eq!(
        (text(&shown["HealthCheckPath"]), text(&shown["Matcher"]["HttpCode"])),
        ("/up".into(), "200-299".into())
    );
    assert_eq!(shown["HealthCheckIntervalSeconds"], 30, "what is not named stays");

    let set = |key: &str, value: &str| {
        let attributes = json!([{ "Key": key, "Value": value }]);
        json!({ "TargetGroupArn": group, "Attributes": attributes })
    };
    world.done("ModifyTargetGroupAttributes", set("deregistration_delay.timeout_seconds", "5")).await;
    let shown = world.done("DescribeTargetGroupAttributes", json!({ "TargetGroupArn": group })).await;
    let value = |key: &str| {
        let all = shown["Attributes"].as_array().unwrap();
        text(&all.iter().find(|it| it["Key"] == key).unwrap()["Value"])
    };
    assert_eq!(value("deregistration_delay.timeout_seconds"), "5");
    assert_eq!(value("load_balancing.algorithm.type"), "round_robin");
    for (key, wrong, expected) in [
        ("deregistration_delay.timeout_seconds", "3601", "ValidationError: "),
        ("proxy_protocol_v2.enabled", "true", "ValidationError: Target group attribute key"),
        ("load_balancing.algorithm.type", "random", "ValidationError: "),
        ("load_balancing.algorithm.anomaly_mitigation", "on", "InvalidConfigurationRequest: "),
    ] {
        world.refused("ModifyTargetGroupAttributes", set(key, wrong), expected).await;
    }
    let sticky = json!([
        { "Key": "stickiness.enabled", "Value": "true" }, { "Key": "stickiness.type", "Value": "app_cookie" },
    ]);
    let input = json!({ "TargetGroupArn": group, "Attributes": sticky });
    world.refused("ModifyTargetGroupAttributes", input, "InvalidConfigurationRequest: You must set").await;
}

#[tokio::test]
async fn a_group_in_use_is_not_deleted() {
    let world = World::new().await;
    let group = world.target_group("web", "HTTP").await;
    let load_balancer = world.load_balancer("web").await;
    let listener = world.listener(&load_balancer, 80, &group).await;
    let delete = json!({ "TargetGroupArn": group });
    let expected =
        format!("ResourceInUse: Target group '{group}' is currently in use by a listener or a rule");
    world.refused("DeleteTargetGroup", delete.clone(), &expected).await;
    let described = world.done("DescribeTargetGroups", json!({ "LoadBalancerArn": load_balancer })).await;
    assert_eq!(described["TargetGroups"][0]["LoadBalancerArns"], json!([load_balancer]));
    world.done("DeleteListener", json!({ "ListenerArn": listener })).await;
    world.done("DeleteTargetGroup", delete.clone()).await;
    world.done("DeleteTargetGroup", delete).await;
    let described = world.done("DescribeTargetGroups", json!({})).await;
    assert_eq!(described["TargetGroups"], json!([]));
}

#[tokio::test]
async fn pages_show_every_group_once() {
    let world = World::new().await;
    for number in 0..5 {
        world.target_group(&format!("g{number}"), "TCP").await;
    }
    let (mut names, mut marker) = (Vec::new(), None);
    for _ in 0..5 {
        let mut input = json!({ "PageSize": 2 });
        if let Some(marker) = &marker {
            input["Marker"] = json!(marker);
        }
        let page = world.done("DescribeTargetGroups", input).await;
        names.extend(page["TargetGroups"].as_array().unwrap().iter().map(|it| text(&it["TargetGroupName"])));
        marker = page["NextMarker"].as_str().map(str::to_owned);
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(names, ["g0", "g1", "g2", "g3", "g4"]);
    world.refused("DescribeTargetGroups", json!({ "Marker": "%" }), "ValidationError: Invalid marker").await;
}
