//! What is rendered, and what of a report counts.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use model::elbv2::{
    Action, Attributes, Condition, Digits, Forward, HealthCheck, HealthCheckPort, HealthCheckProtocol,
    Listener, ListenerId, LoadBalancer, LoadBalancerId, LoadBalancerKind, LoadBalancerName,
    LoadBalancerState, Protocol, ProtocolVersion, Rule, RuleId, Scheme, Target, TargetGroup, TargetGroupId,
    TargetGroupName, TargetKey, TargetState, TargetType, WeightedGroup,
};
use model::{AccountId, Region, Scope, Timestamp};
use services::elbv2::traffic::{ListenerView, LoadBalancerView, View};
use wire::link::{self as link, RoutesReport};

use super::{Sent, render, report};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn scope() -> Scope {
    Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap())
}

fn digits(digit: char) -> Digits {
    Digits::new(digit.to_string().repeat(16)).unwrap()
}

fn group_id() -> TargetGroupId {
    TargetGroupId { name: TargetGroupName::new("web").unwrap(), digits: digits('a') }
}

fn forward() -> Action {
    let groups = vec![WeightedGroup { group: group_id(), weight: 1 }];
    Action::Forward(Forward { groups, stickiness_seconds: None })
}

fn target(id: &str, draining_until: Option<i64>) -> Target {
    Target {
        scope: scope(),
        group: group_id(),
        key: TargetKey { id: id.into(), port: 80 },
        address: id.parse().unwrap(),
        availability_zone: None,
        registered_at: Timestamp::from_millis(7),
        draining_until: draining_until.map(Timestamp::from_millis),
        seen: None,
    }
}

fn view(targets: Vec<Target>) -> View {
    let id = LoadBalancerId {
        kind: LoadBalancerKind::Application,
        name: LoadBalancerName::new("web").unwrap(),
        digits: digits('b'),
    };
    let listener_id = ListenerId { load_balancer: id.clone(), digits: digits('c') };
    let load_balancer = LoadBalancer {
        scope: scope(),
        id,
        scheme: Scheme::InternetFacing,
        vpc_id: "vpc-1".into(),
        subnets: Vec::new(),
        security_groups: Vec::new(),
        dns_name: "web-1.us-east-2.elb.localhost".into(),
        address: Ipv4Addr::new(127, 200, 0, 1),
        state: LoadBalancerState::Provisioning,
        attributes: Attributes::default(),
        tags: BTreeMap::new(),
        created_at: Timestamp::EPOCH,
    };
    let listener = Listener {
        scope: scope(),
        id: listener_id.clone(),
        protocol: Protocol::Http,
        port: 80,
        ssl_policy: None,
        certificates: Vec::new(),
        alpn_policy: None,
        default_rule: digits('d'),
        default_action: forward(),
        attributes: Attributes::default(),
        tags: BTreeMap::new(),
    };
    let rule = Rule {
        scope: scope(),
        id: RuleId { listener: listener_id, digits: digits('e') },
        priority: 9,
        conditions: vec![Condition::PathPattern(vec!["/a".into()])],
        action: forward(),
        tags: BTreeMap::new(),
    };
    let group = TargetGroup {
        scope: scope(),
        id: group_id(),
        protocol: Protocol::Http,
        protocol_version: Some(ProtocolVersion::Http1),
        port: 80,
        vpc_id: "vpc-1".into(),
        target_type: TargetType::Ip,
        health_check: HealthCheck {
            protocol: HealthCheckProtocol::Http,
            port: HealthCheckPort::Traffic,
            path: Some("/".into()),
            interval_seconds: 30,
            timeout_seconds: 5,
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: Some("200,204-205".parse().unwrap()),
        },
        attributes: Attributes::default(),
        tags: BTreeMap::new(),
        created_at: Timestamp::EPOCH,
    };
    let listeners = vec![ListenerView { listener, rules: vec![rule], certificates: Vec::new() }];
    View {
        load_balancers: vec![LoadBalancerView { load_balancer, listeners }],
        target_groups: vec![(group, targets)],
    }
}

#[test]
fn routes_hold_what_is_wanted() {
    let targets = vec![
        target("10.0.0.1", None),
        target("10.0.0.2", Some(NOW.as_millis() + 1)),
        target("10.0.0.3", Some(NOW.as_millis())),
    ];
    let routes = render::routes(&view(targets), 42, NOW);
    assert_eq!(routes.serial, 42);
    let [load_balancer] = &routes.load_balancers[..] else { panic!("{routes:?}") };
    assert_eq!(load_balancer.attributes, link::LoadBalancerAttributes::default(), "both defaults are ELB's");
    let [listener] = &load_balancer.listeners[..] else { panic!("{load_balancer:?}") };
    assert_eq!((listener.port, listener.rules[0].priority, listener.server_header), (80, 9, true));
    let [group] = &routes.target_groups[..] else { panic!("{routes:?}") };
    let drains: Vec<_> = group.targets.iter().map(|it| (it.id.as_str(), it.draining)).collect();
    assert_eq!(drains, [("10.0.0.1", false), ("10.0.0.2", true)], "what is drained is gone");
    let check = group.health_check.as_ref().unwrap();
    assert_eq!(check.matcher, link::Matcher::Http(vec![(200, 200), (204, 205)]));
    assert_eq!(group.minimum_healthy_count, 1);
}

fn reported(state: link::TargetState) -> RoutesReport {
    let group = group_id().arn(&scope()).to_string();
    let target = |id: &str| link::TargetReport {
        target_group: group.clone(),
        id: id.into(),
        port: 80,
        state,
        reason: None,
        description: None,
        in_flight: 0,
    };
    let listener = view(Vec::new()).load_balancers[0].listeners[0].listener.arn().to_string();
    RoutesReport {
        serial: 1,
        listeners: vec![link::ListenerReport { arn: listener, failures: Vec::new() }],
        targets: vec![target("10.0.0.1"), target("10.9.9.9")],
    }
}

fn sent() -> Sent {
    let group = group_id().arn(&scope()).to_string();
    Sent {
        routes: Arc::new(render::routes(&view(vec![target("10.0.0.1", None)]), 1, NOW)),
        registrations: [((group, "10.0.0.1".to_owned(), 80), Timestamp::from_millis(7))].into(),
    }
}

#[test]
fn only_what_was_sent_is_believed() {
    let sightings = report::sightings(&reported(link::TargetState::Healthy), &sent());
    let [only] = &sightings[..] else { panic!("{sightings:?}") };
    assert_eq!((only.registered_at, only.health.state), (Timestamp::from_millis(7), TargetState::Healthy));
    assert_eq!(report::sightings(&reported(link::TargetState::Draining), &sent()), []);
}

#[test]
fn a_load_balancer_serves_once_it_is_taken_up() {
    let mut heard = reported(link::TargetState::Healthy);
    let states = report::load_balancers(&heard, &sent().routes);
    assert_eq!(states[0].1, LoadBalancerState::Active);
    heard.listeners[0].failures.push(format!("{} ::1", link::MISSING_ADDRESS));
    let states = report::load_balancers(&heard, &sent().routes);
    assert_eq!(states[0].1, LoadBalancerState::Active, "a machine without IPv6");
    heard.listeners[0].failures = vec!["127.0.0.1:80 is taken".into()];
    let states = report::load_balancers(&heard, &sent().routes);
    assert_eq!(states[0].1, LoadBalancerState::Impaired("127.0.0.1:80 is taken".into()));
}
