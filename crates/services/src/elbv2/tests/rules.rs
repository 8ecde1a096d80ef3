//! Rules: making, showing, ordering and deleting them.

use serde_json::{Value as Json, json};

use super::{World, arn, text};

struct Web {
    world: World,
    group: String,
    listener: String,
}

impl Web {
    async fn new() -> Self {
        let world = World::new().await;
        let load_balancer = world.load_balancer("web").await;
        let group = world.target_group("web", "HTTP").await;
        let listener = world.listener(&load_balancer, 80, &group).await;
        Web { world, group, listener }
    }

    fn rule(&self, priority: i32, path: &str) -> Json {
        json!({
            "ListenerArn": self.listener, "Priority": priority,
            "Conditions": [{ "Field": "path-pattern", "Values": [path] }],
            "Actions": [{ "Type": "forward", "TargetGroupArn": self.group }],
        })
    }

    async fn create(&self, priority: i32, path: &str) -> String {
        let made = self.world.done("CreateRule", self.rule(priority, path)).await;
        text(&made["Rules"][0]["RuleArn"])
    }

    async fn order(&self) -> Vec<(String, String)> {
        let shown = self.world.done("DescribeRules", json!({ "ListenerArn": self.listener })).await;
        let rules = shown["Rules"].as_array().unwrap().iter();
        rules.map(|rule| (text(&rule["Priority"]), text(&rule["RuleArn"]))).collect()
    }
}

#[tokio::test]
async fn rules_are_shown_by_priority_and_change_places() {
    let web = Web::new().await;
    let (late, early) = (web.create(20, "/late").await, web.create(10, "/early").await);
    let order = web.order().await;
    assert_eq!(order[..2], [("10".into(), early.clone()), ("20".into(), late.clone())]);
    assert_eq!(order[2].0, "default");
    let swap = json!({ "RulePriorities": [
        { "RuleArn": early, "Priority": 20 }, { "RuleArn": late, "Priority": 10 },
    ]});
    web.world.done("SetRulePriorities", swap).await;
    assert_eq!(web.order().await[..2], [("10".into(), late.clone()), ("20".into(), early.clone())]);
    let taken = json!({ "RulePriorities": [{ "RuleArn": early, "Priority": 10 }] });
    web.world.refused("SetRulePriorities", taken, "PriorityInUse: ").await;
    let twice = json!({ "RulePriorities": [
        { "RuleArn": early, "Priority": 5 }, { "RuleArn": late, "Priority": 5 },
    ]});
    web.world.refused("SetRulePriorities", twice, "ValidationError: Priority '5' was provided").await;
    let default = json!({ "RulePriorities": [{ "RuleArn": order[2].1, "Priority": 5 }] });
    web.world.refused("SetRulePriorities", default, "OperationNotPermitted: ").await;
}

#[tokio::test]
async fn a_rule_is_shown_as_elb_shows_it() {
    let web = Web::new().await;
    let input = json!({
        "ListenerArn": web.listener, "Priority": 1,
        "Conditions": [
            { "Field": "host-header", "HostHeaderConfig": { "Values": ["*.example.com"] } },
            { "Field": "source-ip", "SourceIpConfig": { "Values": ["10.0.0.0/8"] } },
        ],
        "Actions": [{ "Type": "redirect", "RedirectConfig": { "Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301" } }],
    });
    let made = web.world.done("CreateRule", input).await;
    let rule = text(&made["Rules"][0]["RuleArn"]);
    let expected = json!({ "Rules": [{
        "RuleArn": rule, "Priority": "1", "IsDefault": false,
        "Conditions": [
            { "Field": "host-header", "Values": ["*.example.com"], "HostHeaderConfig": { "Values": ["*.example.com"] } },
            { "Field": "source-ip", "SourceIpConfig": { "Values": ["10.0.0.0/8"] } },
        ],
        "Actions": [{ "Type": "redirect", "RedirectConfig": {
            "Protocol": "HTTPS", "Port": "443", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}",
            "StatusCode": "HTTP_301",
        }}],
    }]});
    assert_eq!(web.world.done("DescribeRules", json!({ "RuleArns": [rule] })).await, expected);
}

#[tokio::test]
async fn refusals_are_elbs() {
    let web = Web::new().await;
    let rule = web.create(1, "/a").await;
    web.world
        .refused("CreateRule", web.rule(1, "/b"), "PriorityInUse: Priority '1' is currently in use")
        .await;
    web.world.refused("CreateRule", web.rule(0, "/b"), "ValidationError: 1 validation error detected").await;
    let mut bare = web.rule(2, "/b");
    bare["Conditions"] = json!([]);
    web.world.refused("CreateRule", bare, "ValidationError: A condition must be specified").await;
    let mut several = web.rule(2, "/b");
    several["Actions"] = json!([
        { "Type": "forward", "TargetGroupArn": web.group }, { "Type": "forward", "TargetGroupArn": web.group },
    ]);
    web.world.refused("CreateRule", several, "InvalidLoadBalancerAction: ").await;
    let mut transformed = web.rule(2, "/b");
    transformed["Transforms"] = json!([{ "Type": "url-rewrite" }]);
    web.world.refused("CreateRule", transformed, "InvalidConfigurationRequest: ").await;
    let bare = json!({ "RuleArn": rule });
    web.world.refused("ModifyRule", bare, "ValidationError: Either conditions or actions").await;
    let default = &web.order().await[1].1;
    let delete = json!({ "RuleArn": default });
    web.world.refused("DeleteRule", delete, "OperationNotPermitted: Default rule").await;
    let gone = arn("listener-rule/app/web/0123456789abcdef/0123456789abcdef/0123456789abcdef");
    web.world.refused("DeleteRule", json!({ "RuleArn": gone }), "RuleNotFound: ").await;
    web.world.refused("DescribeRules", json!({}), "ValidationError: You must specify either").await;
}

#[tokio::test]
async fn a_rule_changes_its_weights() {
    let web = Web::new().await;
    let green = web.world.target_group("green", "HTTP").await;
    let rule = web.create(1, "/a").await;
    let groups = json!([
        { "TargetGroupArn": web.group, "Weight": 90 }, { "TargetGroupArn": green, "Weight": 10 },
    ]);
    let sticky = json!({ "Enabled": true, "DurationSeconds": 60 });
    let actions = json!([{
        "Type": "forward", "ForwardConfig": { "TargetGroups": groups, "TargetGroupStickinessConfig": sticky },
    }]);
    let changed = web.world.done("ModifyRule", json!({ "RuleArn": rule, "Actions": actions })).await;
    let shown = &changed["Rules"][0]["Actions"][0];
    assert_eq!(shown["ForwardConfig"]["TargetGroups"], groups);
    assert_eq!(shown["ForwardConfig"]["TargetGroupStickinessConfig"], sticky);
    assert_eq!(shown.get("TargetGroupArn"), None, "of several none is the one");
    web.world.done("DeleteRule", json!({ "RuleArn": rule })).await;
    web.world.done("DeleteTargetGroup", json!({ "TargetGroupArn": green })).await;
}
