//! Listeners: making, showing, changing and deleting them.

use serde_json::json;

use super::{World, arn, text};

#[tokio::test]
async fn a_listener_is_shown_with_its_default_action() {
    let world = World::new().await;
    let (load_balancer, group) = (world.load_balancer("web").await, world.target_group("web", "HTTP").await);
    let listener = world.listener(&load_balancer, 80, &group).await;
    assert!(listener.starts_with(&arn("listener/app/web/")), "{listener}");
    let forward = json!({
        "Type": "forward", "TargetGroupArn": group,
        "ForwardConfig": {
            "TargetGroups": [{ "TargetGroupArn": group, "Weight": 1 }],
            "TargetGroupStickinessConfig": { "Enabled": false },
        },
    });
    let expected = json!({ "Listeners": [{
        "ListenerArn": listener, "LoadBalancerArn": load_balancer, "Port": 80, "Protocol": "HTTP",
        "DefaultActions": [forward],
    }]});
    assert_eq!(world.done("DescribeListeners", json!({ "LoadBalancerArn": load_balancer })).await, expected);
    assert_eq!(world.done("DescribeListeners", json!({ "ListenerArns": [listener] })).await, expected);
    assert_eq!(world.listener(&load_balancer, 80, &group).await, listener, "asking twice makes one");
    let rules = world.done("DescribeRules", json!({ "ListenerArn": listener })).await;
    assert_eq!(rules["Rules"][0]["Priority"], "default");
    assert_eq!(rules["Rules"][0]["IsDefault"], true);
}

#[tokio::test]
async fn refusals_are_elbs() {
    let world = World::new().await;
    let (load_balancer, group) = (world.load_balancer("web").await, world.target_group("web", "HTTP").await);
    let tcp = world.target_group("tcp", "TCP").await;
    let other = world.target_group("other", "HTTP").await;
    world.listener(&load_balancer, 80, &group).await;
    let elsewhere = world.load_balancer("second").await;
    let listen = |port: u16, protocol: &str, group: &str| {
        json!({
            "LoadBalancerArn": load_balancer, "Protocol": protocol, "Port": port,
            "DefaultActions": [{ "Type": "forward", "TargetGroupArn": group }],
        })
    };
    let missing = arn("targetgroup/none/0123456789abcdef");
    for (input, expected) in [
        (listen(80, "HTTP", &other), "DuplicateListener: A listener already exists on this port"),
        (
            listen(81, "TCP", &tcp),
            "UnsupportedProtocol: Listener protocol 'TCP' must be one of 'HTTP, HTTPS'",
        ),
        (listen(81, "HTTP", &tcp), "IncompatibleProtocols: "),
        (listen(81, "HTTP", &missing), "TargetGroupNotFound: "),
        (listen(81, "HTTPS", &group), "ValidationError: A certificate must be specified for HTTPS listeners"),
        (listen(0, "HTTP", &group), "ValidationError: 1 validation error detected: Value '0' at 'port'"),
    ] {
        world.refused("CreateListener", input, expected).await;
    }
    let mut shared = listen(80, "HTTP", &group);
    shared["LoadBalancerArn"] = json!(elsewhere);
    world.refused("CreateListener", shared, "TargetGroupAssociationLimit: ").await;
    let mut secure = listen(443, "HTTPS", &other);
    secure["Certificates"] =
        json!([{ "CertificateArn": "arn:aws:iam::123456789012:server-certificate/none" }]);
    world.refused("CreateListener", secure.clone(), "CertificateNotFound: ").await;
    let oidc = json!({
        "LoadBalancerArn": load_balancer, "Protocol": "HTTP", "Port": 82,
        "DefaultActions": [{ "Type": "jwt-validation" }],
    });
    world.refused("CreateListener", oidc, "InvalidLoadBalancerAction: ").await;
    world.refused("DescribeListeners", json!({}), "ValidationError: You must specify either").await;
    let gone = arn("listener/app/web/0123456789abcdef/0123456789abcdef");
    for operation in ["DeleteListener", "DescribeListenerAttributes", "DescribeListenerCertificates"] {
        world.refused(operation, json!({ "ListenerArn": gone }), "ListenerNotFound: ").await;
    }
}

#[tokio::test]
async fn a_listener_changes_and_goes() {
    let world = World::new().await;
    let (load_balancer, group) = (world.load_balancer("web").await, world.target_group("web", "HTTP").await);
    let listener = world.listener(&load_balancer, 80, &group).await;
    world.listener(&load_balancer, 81, &group).await;
    let changed = world
        .done(
            "ModifyListener",
            json!({
                "ListenerArn": listener, "Port": 8080,
                "DefaultActions": [{
                    "Type": "fixed-response",
                    "FixedResponseConfig": { "StatusCode": "404", "ContentType": "text/plain", "MessageBody": "none" },
                }],
            }),
        )
        .await;
    let shown = &changed["Listeners"][0];
    assert_eq!((&shown["Port"], text(&shown["ListenerArn"])), (&json!(8080), listener.clone()));
    assert_eq!(shown["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"], "404");
    let taken = json!({ "ListenerArn": listener, "Port": 81 });
    world.refused("ModifyListener", taken, "DuplicateListener: ").await;
    let set = |value: &str| {
        let attributes = json!([{ "Key": "routing.http.response.server.enabled", "Value": value }]);
        json!({ "ListenerArn": listener, "Attributes": attributes })
    };
    world.done("ModifyListenerAttributes", set("false")).await;
    world.refused("ModifyListenerAttributes", set("no"), "ValidationError: ").await;
    let certificates = json!({ "ListenerArn": listener, "Certificates": [{ "CertificateArn": "x" }] });
    world.refused("AddListenerCertificates", certificates, "ValidationError: Certificates cannot").await;
    world.done("DeleteListener", json!({ "ListenerArn": listener })).await;
    world.refused("DeleteListener", json!({ "ListenerArn": listener }), "ListenerNotFound: ").await;
}

#[tokio::test]
async fn a_load_balancer_goes_with_many_rules() {
    let world = World::new().await;
    let (load_balancer, group) = (world.load_balancer("web").await, world.target_group("web", "HTTP").await);
    let listener = world.listener(&load_balancer, 80, &group).await;
    for priority in 1..=100 {
        let input = json!({
            "ListenerArn": listener, "Priority": priority,
            "Conditions": [{ "Field": "path-pattern", "Values": ["/x"] }],
            "Actions": [{ "Type": "forward", "TargetGroupArn": group }],
        });
        world.done("CreateRule", input).await;
    }
    let more = json!({
        "ListenerArn": listener, "Priority": 101,
        "Conditions": [{ "Field": "path-pattern", "Values": ["/x"] }],
        "Actions": [{ "Type": "forward", "TargetGroupArn": group }],
    });
    world.refused("CreateRule", more, "TooManyRules: ").await;
    world.done("DeleteLoadBalancer", json!({ "LoadBalancerArn": load_balancer })).await;
    world.done("DeleteTargetGroup", json!({ "TargetGroupArn": group })).await;
}
