//! From the room's nouns to what the balancer reads. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::Scope;
use model::Timestamp;
use model::elbv2::action::RedirectStatus;
use model::elbv2::attribute::RESPONSE_HEADERS;
use model::elbv2::{
    Action, Condition, HealthCheckPort, HealthCheckProtocol, LoadBalancer, LoadBalancerKind,
    LoadBalancerSubnet, Matcher, Protocol, ProtocolVersion, Rule, Target, TargetGroup,
};
use services::elbv2::traffic::{ListenerView, LoadBalancerView, View};
use services::iam::certificates::OpenedCertificate;
use wire::link::{self as link, ROUTES_VERSION, Routes};

/// Where the names of load balancers lead: `*.localhost` is the machine itself, for many resolvers `::1` first.
pub(super) const SHARED: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Everything that is wanted at `now`.
pub(super) fn routes(view: &View, serial: u64, now: Timestamp) -> Routes {
    let apart = kept_apart(view);
    Routes {
        version: ROUTES_VERSION,
        serial,
        load_balancers: view.load_balancers.iter().map(load_balancer).collect(),
        target_groups: view
            .target_groups
            .iter()
            .map(|(group, targets)| {
                self::group(group, targets, !apart.contains(&group.arn().to_string()), now)
            })
            .collect(),
        ..Routes::default()
    }
}

fn load_balancer(view: &LoadBalancerView) -> link::LoadBalancerRoute {
    let it = &view.load_balancer;
    let inside = it.subnets.iter().filter_map(|subnet| subnet.interface.as_ref());
    let addresses = std::iter::once(it.address).chain(inside.map(|interface| interface.address));
    let zone = |subnet: &LoadBalancerSubnet| {
        let address = subnet.interface.as_ref()?.address;
        Some((IpAddr::V4(address), subnet.availability_zone.clone()))
    };
    link::LoadBalancerRoute {
        arn: it.arn().to_string(),
        kind: match it.id.kind {
            LoadBalancerKind::Application => link::LoadBalancerKind::Application,
            LoadBalancerKind::Network => link::LoadBalancerKind::Network,
        },
        dns_name: it.dns_name.clone(),
        addresses: addresses.map(IpAddr::V4).collect(),
        shared_addresses: SHARED.to_vec(),
        zones: it.subnets.iter().filter_map(zone).collect(),
        attributes: attributes(it),
        listeners: view.listeners.iter().map(listener).collect(),
    }
}

/// The ARNs of the groups whose targets get only what comes to their own zone.
fn kept_apart(view: &View) -> BTreeSet<String> {
    let groups = view.load_balancers.iter().flat_map(|it| {
        let actions = it.listeners.iter().flat_map(|listener| {
            let rules = listener.rules.iter().map(|rule| &rule.action);
            std::iter::once(&listener.listener.default_action).chain(rules)
        });
        let across = it.load_balancer.attribute(CROSS_ZONE);
        let scope = &it.load_balancer.scope;
        actions.flat_map(Action::groups).map(move |group| (group.arn(scope).to_string(), across))
    });
    let used: BTreeMap<String, &str> = groups.collect();
    let own =
        view.target_groups.iter().map(|(group, _)| (group.arn().to_string(), group.attribute(CROSS_ZONE)));
    let is_apart = |(arn, own): &(String, &str)| match *own {
        "use_load_balancer_configuration" => used.get(arn) == Some(&"false"),
        own => own == "false",
    };
    own.filter(is_apart).map(|(arn, _)| arn).collect()
}

fn attributes(it: &LoadBalancer) -> link::LoadBalancerAttributes {
    let flag = |key: &str| it.attribute(key) == "true";
    let defaults = link::LoadBalancerAttributes::default();
    match it.id.kind {
        LoadBalancerKind::Network => {
            link::LoadBalancerAttributes { access_log: flag("access_logs.s3.enabled"), ..defaults }
        }
        LoadBalancerKind::Application => link::LoadBalancerAttributes {
            idle_timeout_seconds: number(it.attribute("idle_timeout.timeout_seconds")),
            client_keep_alive_seconds: number(it.attribute("client_keep_alive.seconds")),
            forwarded_for: match it.attribute("routing.http.xff_header_processing.mode") {
                "preserve" => link::ForwardedFor::Preserve,
                "remove" => link::ForwardedFor::Remove,
                _append => link::ForwardedFor::Append,
            },
            forwarded_for_port: flag("routing.http.xff_client_port.enabled"),
            preserve_host_header: flag("routing.http.preserve_host_header.enabled"),
            drop_invalid_header_fields: flag("routing.http.drop_invalid_header_fields.enabled"),
            tls_headers: flag("routing.http.x_amzn_tls_version_and_cipher_suite.enabled"),
            http2: flag("routing.http2.enabled"),
            access_log: flag("access_logs.s3.enabled"),
            connection_log: flag("connection_logs.s3.enabled"),
        },
    }
}

/// A number that the room has checked.
fn number(value: &str) -> u32 {
    value.parse().unwrap_or(0)
}

fn listener(view: &ListenerView) -> link::ListenerRoute {
    let it = &view.listener;
    let header = |(key, name): &(&str, &str)| {
        let value = it.attribute(key);
        (!value.is_empty()).then(|| ((*name).to_owned(), value.to_owned()))
    };
    let http = it.protocol.is_http();
    link::ListenerRoute {
        arn: it.arn().to_string(),
        port: it.port,
        protocol: match it.protocol {
            Protocol::Http => link::ListenerProtocol::Http,
            Protocol::Https => link::ListenerProtocol::Https,
            Protocol::Tcp => link::ListenerProtocol::Tcp,
            Protocol::Tls => link::ListenerProtocol::Tls,
        },
        certificates: view.certificates.iter().map(certificate).collect(),
        ssl_policy: it.ssl_policy.clone(),
        alpn: it.alpn_policy.as_deref().map(alpn).unwrap_or_default(),
        tcp_idle_timeout_seconds: match it.protocol {
            Protocol::Tcp => number(it.attribute("tcp.idle_timeout.seconds")),
            Protocol::Tls | Protocol::Http | Protocol::Https => 350,
        },
        server_header: !http || it.attribute("routing.http.response.server.enabled") == "true",
        response_headers: RESPONSE_HEADERS.iter().filter_map(header).collect(),
        rules: view.rules.iter().map(rule).collect(),
        default_action: action(&it.default_action, &it.scope),
    }
}

fn certificate(it: &OpenedCertificate) -> link::Certificate {
    link::Certificate {
        arn: it.arn.clone(),
        chain_pem: it.chain_pem.clone(),
        key_pem: it.key_pem.clone(),
        names: it.names.clone(),
    }
}

/// What an ALPN policy offers, the preferred first.
fn alpn(policy: &str) -> Vec<String> {
    let offered: &[&str] = match policy {
        "HTTP1Only" => &["http/1.1"],
        "HTTP2Only" => &["h2"],
        "HTTP2Optional" => &["http/1.1", "h2"],
        "HTTP2Preferred" => &["h2", "http/1.1"],
        _none => &[],
    };
    offered.iter().map(|it| (*it).to_owned()).collect()
}

fn rule(it: &Rule) -> link::RuleRoute {
    link::RuleRoute {
        arn: it.arn().to_string(),
        priority: it.priority.into(),
        conditions: it.conditions.iter().map(condition).collect(),
        action: action(&it.action, &it.scope),
    }
}

fn condition(it: &Condition) -> link::RouteCondition {
    match it {
        Condition::HostHeader(values) => link::RouteCondition::HostHeader { values: values.clone() },
        Condition::PathPattern(values) => link::RouteCondition::PathPattern { values: values.clone() },
        Condition::HttpHeader { name, values } => {
            link::RouteCondition::HttpHeader { name: name.clone(), values: values.clone() }
        }
        Condition::HttpRequestMethod(values) => {
            link::RouteCondition::HttpRequestMethod { values: values.clone() }
        }
        Condition::QueryString(values) => link::RouteCondition::QueryString {
            values: values
                .iter()
                .map(|pair| link::QueryPattern { key: pair.key.clone(), value: pair.value.clone() })
                .collect(),
        },
        Condition::SourceIp(values) => link::RouteCondition::SourceIp {
            values: values
                .iter()
                .map(|block| link::AddressBlock { address: block.base(), prefix: block.prefix() })
                .collect(),
        },
    }
}

fn action(it: &Action, scope: &Scope) -> link::RouteAction {
    match it {
        Action::Forward(forward) => link::RouteAction::Forward {
            target_groups: forward
                .groups
                .iter()
                .map(|group| link::WeightedTargetGroup {
                    arn: group.group.arn(scope).to_string(),
                    weight: group.weight,
                })
                .collect(),
            stickiness_seconds: forward.stickiness_seconds,
        },
        Action::Redirect(redirect) => link::RouteAction::Redirect {
            protocol: redirect.protocol.to_string(),
            host: redirect.host.clone(),
            port: redirect.port.clone(),
            path: redirect.path.clone(),
            query: redirect.query.clone(),
            status: match redirect.status {
                RedirectStatus::Permanent => 301,
                RedirectStatus::Temporary => 302,
            },
        },
        Action::FixedResponse(response) => link::RouteAction::FixedResponse {
            status: response.status,
            content_type: response.content_type.clone(),
            body: response.body.clone().unwrap_or_default(),
        },
    }
}

fn target_protocol(protocol: Protocol) -> link::TargetProtocol {
    match protocol {
        Protocol::Http => link::TargetProtocol::Http,
        Protocol::Https => link::TargetProtocol::Https,
        Protocol::Tcp => link::TargetProtocol::Tcp,
        Protocol::Tls => link::TargetProtocol::Tls,
    }
}

/// Of a load balancer, and of a target group.
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";
const UNHEALTHY_ROUTING: &str = "target_group_health.unhealthy_state_routing.minimum_healthy_targets";

fn group(it: &TargetGroup, targets: &[Target], cross_zone: bool, now: Timestamp) -> link::TargetGroupRoute {
    let flag = |key: &str| it.attribute(key) == "true";
    let mut targets: Vec<&Target> =
        targets.iter().filter(|target| target.draining_until.is_none_or(|until| until > now)).collect();
    targets.sort_by_key(|target| (target.registered_at, &target.key));
    link::TargetGroupRoute {
        arn: it.arn().to_string(),
        protocol: target_protocol(it.protocol),
        protocol_version: match it.protocol_version {
            Some(ProtocolVersion::Http1) | None => link::ProtocolVersion::Http1,
            Some(ProtocolVersion::Http2) => link::ProtocolVersion::Http2,
            Some(ProtocolVersion::Grpc) => link::ProtocolVersion::Grpc,
        },
        algorithm: match it.attribute("load_balancing.algorithm.type") {
            "least_outstanding_requests" => link::Algorithm::LeastOutstandingRequests,
            "weighted_random" => link::Algorithm::WeightedRandom,
            _round_robin => link::Algorithm::RoundRobin,
        },
        stickiness: flag("stickiness.enabled").then(|| stickiness(it)),
        slow_start_seconds: number(it.attribute("slow_start.duration_seconds")),
        deregistration_delay_seconds: number(it.attribute("deregistration_delay.timeout_seconds")),
        connection_termination: flag("deregistration_delay.connection_termination.enabled"),
        unhealthy_termination: flag("target_health_state.unhealthy.connection_termination.enabled"),
        cross_zone,
        proxy_protocol: flag("proxy_protocol_v2.enabled"),
        ejects: false,
        minimum_healthy_count: number(it.attribute(&format!("{UNHEALTHY_ROUTING}.count"))),
        minimum_healthy_percent: it
            .attribute(&format!("{UNHEALTHY_ROUTING}.percentage"))
            .parse()
            .unwrap_or(0),
        health_check: Some(health_check(it)),
        targets: targets.into_iter().map(target).collect(),
    }
}

fn stickiness(it: &TargetGroup) -> link::Stickiness {
    match it.attribute("stickiness.type") {
        "app_cookie" => link::Stickiness::AppCookie {
            cookie_name: it.attribute("stickiness.app_cookie.cookie_name").to_owned(),
            duration_seconds: number(it.attribute("stickiness.app_cookie.duration_seconds")),
        },
        "source_ip" => link::Stickiness::SourceIp,
        _lb_cookie => link::Stickiness::LbCookie {
            duration_seconds: number(it.attribute("stickiness.lb_cookie.duration_seconds")),
        },
    }
}

fn target(it: &Target) -> link::TargetRoute {
    link::TargetRoute {
        id: it.key.id.clone(),
        address: it.address,
        port: it.key.port,
        zone: it.availability_zone.clone().unwrap_or_default(),
        draining: it.draining_until.is_some(),
    }
}

fn health_check(it: &TargetGroup) -> link::TargetHealthCheck {
    let check = &it.health_check;
    let grpc = it.protocol_version == Some(ProtocolVersion::Grpc);
    let ranges = |matcher: &Matcher| matcher.ranges().iter().map(|range| (range.first, range.last)).collect();
    link::TargetHealthCheck {
        protocol: match check.protocol {
            HealthCheckProtocol::Http => link::TargetProtocol::Http,
            HealthCheckProtocol::Https => link::TargetProtocol::Https,
            HealthCheckProtocol::Tcp => link::TargetProtocol::Tcp,
        },
        port: match check.port {
            HealthCheckPort::Traffic => None,
            HealthCheckPort::Fixed(port) => Some(port),
        },
        path: check.path.clone().unwrap_or_default(),
        interval_seconds: check.interval_seconds,
        timeout_seconds: check.timeout_seconds,
        healthy_threshold: check.healthy_threshold,
        unhealthy_threshold: check.unhealthy_threshold,
        matcher: match (&check.matcher, grpc) {
            (Some(matcher), true) => link::Matcher::Grpc(ranges(matcher)),
            (Some(matcher), false) => link::Matcher::Http(ranges(matcher)),
            (None, _) => link::Matcher::default(),
        },
    }
}
