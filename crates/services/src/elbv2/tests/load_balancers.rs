//! Load balancers: making, showing, changing and deleting them, and tags of all resources.

use ::wire::link::LogKind;
use serde_json::json;

use super::{World, arn, text};

#[tokio::test]
async fn a_load_balancer_is_shown_as_it_was_asked_for() {
    let world = World::new().await;
    let input = json!({ "Name": "web", "Subnets": world.subnets, "Tags": [{ "Key": "a", "Value": "b" }] });
    let made = world.done("CreateLoadBalancer", input.clone()).await;
    let shown = &made["LoadBalancers"][0];
    assert!(text(&shown["LoadBalancerArn"]).starts_with(&arn("loadbalancer/app/web/")));
    let dns_name = text(&shown["DNSName"]);
    assert!(dns_name.starts_with("web-") && dns_name.ends_with(".us-east-2.elb.localhost"), "{dns_name}");
    assert_eq!(shown["Type"], "application");
    assert_eq!(shown["Scheme"], "internet-facing");
    assert_eq!(shown["State"], json!({ "Code": "provisioning" }));
    assert_eq!(shown["VpcId"], json!(world.vpc));
    assert_eq!(shown["SecurityGroups"].as_array().unwrap().len(), 1, "the VPC's default group");
    let zones: Vec<_> =
        shown["AvailabilityZones"].as_array().unwrap().iter().map(|it| text(&it["ZoneName"])).collect();
    assert_eq!(zones.len(), 3);
    assert_eq!(world.done("CreateLoadBalancer", input).await, made, "asking twice makes one");
    assert_eq!(world.done("DescribeLoadBalancers", json!({ "Names": ["web"] })).await, made);
    let other = json!({ "Name": "web", "Subnets": world.subnets, "Scheme": "internal" });
    world.refused("CreateLoadBalancer", other, "DuplicateLoadBalancerName: ").await;
}

#[tokio::test]
async fn a_network_one_needs_one_subnet_and_no_groups() {
    let world = World::new().await;
    let input =
        json!({ "Name": "tcp", "Type": "network", "Subnets": [world.subnets[0]], "Scheme": "internal" });
    let made = world.done("CreateLoadBalancer", input).await;
    let shown = &made["LoadBalancers"][0];
    assert!(text(&shown["LoadBalancerArn"]).contains(":loadbalancer/net/tcp/"));
    assert_eq!(shown.get("SecurityGroups"), None);
    let expected = "InvalidConfigurationRequest: You cannot set security groups";
    let arn = &shown["LoadBalancerArn"];
    let group = json!({ "LoadBalancerArn": arn, "SecurityGroups": ["sg-0"] });
    world.refused("SetSecurityGroups", group, expected).await;
}

#[tokio::test]
async fn refusals_are_elbs() {
    let world = World::new().await;
    let base = json!({ "Name": "web", "Subnets": world.subnets });
    for (member, value, expected) in [
        ("Name", json!("internal-web"), "ValidationError: The load balancer name 'internal-web'"),
        ("Type", json!("gateway"), "InvalidConfigurationRequest: The load balancer type 'gateway'"),
        ("IpAddressType", json!("dualstack"), "InvalidConfigurationRequest: "),
        ("Subnets", json!(["subnet-0"]), "SubnetNotFound: The subnet ID 'subnet-0' does not exist"),
        ("Subnets", json!([world.subnets[0]]), "ValidationError: At least two subnets in two different"),
        (
            "Subnets",
            json!([world.subnets[0], world.subnets[0]]),
            "InvalidConfigurationRequest: A load balancer cannot be attached to multiple subnets",
        ),
        ("SecurityGroups", json!(["sg-0"]), "InvalidSecurityGroup: "),
        ("SubnetMappings", json!([{ "SubnetId": "x" }]), "ValidationError: You must specify either subnets"),
    ] {
        let mut input = base.clone();
        input[member] = value;
        world.refused("CreateLoadBalancer", input, expected).await;
    }
    let missing = arn("loadbalancer/app/none/0123456789abcdef");
    for operation in ["DescribeLoadBalancerAttributes", "DescribeCapacityReservation"] {
        let input = json!({ "LoadBalancerArn": missing });
        world.refused(operation, input, "LoadBalancerNotFound: ").await;
        let input = json!({ "LoadBalancerArn": "x" });
        world.refused(operation, input, "ValidationError: 'x' is not a valid load balancer ARN").await;
    }
    world.done("DeleteLoadBalancer", json!({ "LoadBalancerArn": missing })).await;
    let names = json!({ "Names": ["none"] });
    world
        .refused("DescribeLoadBalancers", names, "LoadBalancerNotFound: Load balancers '[none]' not found")
        .await;
}

#[tokio::test]
async fn places_and_attributes_change() {
    let world = World::new().await;
    let arn = world.load_balancer("web").await;
    let set =
        world.done("SetSubnets", json!({ "LoadBalancerArn": arn, "Subnets": world.subnets[..2] })).await;
    assert_eq!(set["AvailabilityZones"].as_array().unwrap().len(), 2);
    let kind = json!({ "LoadBalancerArn": arn, "IpAddressType": "ipv4" });
    assert_eq!(world.done("SetIpAddressType", kind).await["IpAddressType"], "ipv4");
    let kind = json!({ "LoadBalancerArn": arn, "IpAddressType": "dualstack" });
    world.refused("SetIpAddressType", kind, "InvalidConfigurationRequest: ").await;
    let wrong = json!({ "LoadBalancerArn": arn, "SecurityGroups": ["sg-0"] });
    world.refused("SetSecurityGroups", wrong, "InvalidSecurityGroup: ").await;
    let protect = |value: &str| {
        let attributes = json!([{ "Key": "deletion_protection.enabled", "Value": value }]);
        json!({ "LoadBalancerArn": arn, "Attributes": attributes })
    };
    world.done("ModifyLoadBalancerAttributes", protect("true")).await;
    let delete = json!({ "LoadBalancerArn": arn });
    world.refused("DeleteLoadBalancer", delete.clone(), "OperationNotPermitted: ").await;
    world.refused("ModifyLoadBalancerAttributes", protect("perhaps"), "ValidationError: ").await;
    let shown = world.done("ModifyLoadBalancerAttributes", protect("false")).await;
    assert_eq!(shown, world.done("DescribeLoadBalancerAttributes", json!({ "LoadBalancerArn": arn })).await);
    world.done("DeleteLoadBalancer", delete).await;
    let gone = json!({ "LoadBalancerArns": [arn] });
    world.refused("DescribeLoadBalancers", gone, "LoadBalancerNotFound: ").await;
}

#[tokio::test]
async fn an_access_log_needs_a_place() {
    let world = World::new().await;
    let arn = world.load_balancer("web").await;
    let attribute =
        |key: &str, value: &str| json!({ "Key": format!("access_logs.s3.{key}"), "Value": value });
    let set =
        |attributes: Vec<serde_json::Value>| json!({ "LoadBalancerArn": arn, "Attributes": attributes });
    let (on, bucket) = (attribute("enabled", "true"), attribute("bucket", "logs"));
    for (attributes, expected) in [
        (vec![on.clone()], "ValidationError: The value of 'access_logs.s3.bucket'"),
        (vec![on.clone(), bucket.clone()], "InvalidConfigurationRequest: Access Denied for bucket: logs"),
        (vec![attribute("prefix", "a/AWSLogs")], "InvalidConfigurationRequest: The access log prefix"),
        (vec![attribute("enabled", "yes")], "ValidationError: "),
        (
            vec![json!({ "Key": "connection_logs.s3.enabled", "Value": "true" })],
            "ValidationError: The value of 'connection_logs.s3.bucket'",
        ),
        (
            vec![json!({ "Key": "health_check_logs.s3.enabled", "Value": "true" })],
            "InvalidConfigurationRequest: ",
        ),
    ] {
        world.refused("ModifyLoadBalancerAttributes", set(attributes), expected).await;
    }
    let group =
        ::wire::logs::CreateLogGroupRequest { log_group_name: "logs".to_owned(), ..Default::default() };
    <::wire::logs::CreateLogGroup as crate::Handler>::run(&world.ctx, group).await.unwrap();
    world.done("ModifyLoadBalancerAttributes", set(vec![on, bucket, attribute("prefix", "a")])).await;
    let snapshot = world.ctx.cloud.store.snapshot();
    let log = crate::elbv2::traffic::access_log(&snapshot, &arn, LogKind::Access).unwrap();
    let name = arn.rsplit('/').next().unwrap();
    let account = &log.scope.account;
    assert_eq!(log.group, "logs");
    assert_eq!(log.stream, format!("a/AWSLogs/{account}/elasticloadbalancing/us-east-2/app.web.{name}"));
    world.done("ModifyLoadBalancerAttributes", set(vec![attribute("enabled", "false")])).await;
    let snapshot = world.ctx.cloud.store.snapshot();
    for kind in [LogKind::Access, LogKind::Connection] {
        assert_eq!(crate::elbv2::traffic::access_log(&snapshot, &arn, kind), None);
    }
}

#[tokio::test]
async fn everything_carries_tags() {
    let world = World::new().await;
    let group = world.target_group("web", "HTTP").await;
    let load_balancer = world.load_balancer("web").await;
    let listener = world.listener(&load_balancer, 80, &group).await;
    let all = json!([group, load_balancer, listener]);
    world
        .done(
            "AddTags",
            json!({ "ResourceArns": all, "Tags": [{ "Key": "a", "Value": "1" }, { "Key": "b" }] }),
        )
        .await;
    world.done("RemoveTags", json!({ "ResourceArns": all, "TagKeys": ["b", "none"] })).await;
    let shown = world.done("DescribeTags", json!({ "ResourceArns": all })).await;
    let expected = |arn: &String| json!({ "ResourceArn": arn, "Tags": [{ "Key": "a", "Value": "1" }] });
    assert_eq!(
        shown["TagDescriptions"],
        json!([expected(&group), expected(&load_balancer), expected(&listener)])
    );
    for (arn, expected) in [
        (arn("targetgroup/none/0123456789abcdef"), "TargetGroupNotFound: "),
        (arn("loadbalancer/app/none/0123456789abcdef"), "LoadBalancerNotFound: "),
        ("nonsense".to_owned(), "ValidationError: 'nonsense' is not a valid resource ARN"),
    ] {
        world.refused("DescribeTags", json!({ "ResourceArns": [arn] }), expected).await;
        let add = json!({ "ResourceArns": [arn], "Tags": [{ "Key": "a" }] });
        world.refused("AddTags", add, expected).await;
    }
    let many: Vec<_> = (0..51).map(|number| json!({ "Key": format!("k{number}") })).collect();
    world.refused("AddTags", json!({ "ResourceArns": [group], "Tags": many }), "TooManyTags: ").await;
}

#[tokio::test]
async fn quotas_and_policies_are_listed() {
    let world = World::new().await;
    let limits = world.done("DescribeAccountLimits", json!({ "PageSize": 1 })).await;
    assert_eq!(limits["Limits"], json!([{ "Name": "application-load-balancers", "Max": "50" }]));
    let policies = world.done("DescribeSSLPolicies", json!({})).await;
    assert_eq!(policies["SslPolicies"][0]["Name"], "ELBSecurityPolicy-TLS13-1-2-Res-2021-06");
    // The API's own default is known by its name, and shows what is really offered.
    let named = json!({ "Names": ["ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-TLS13-1-2-2021-06"] });
    let named = world.done("DescribeSSLPolicies", named).await;
    assert_eq!(named["SslPolicies"][0]["SslProtocols"], json!(["TLSv1.2"]));
    assert_eq!(named["SslPolicies"][1]["SslProtocols"], json!(["TLSv1.2", "TLSv1.3"]));
    let old = json!({ "Names": ["ELBSecurityPolicy-2014-10"] });
    world.refused("DescribeSSLPolicies", old, "SSLPolicyNotFound: ").await;
}
