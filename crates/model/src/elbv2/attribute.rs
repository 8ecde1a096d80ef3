//! Attributes: settings by name, as ELB lists them for each kind of load balancer, listener and target group.
//!
//! Only what differs from its default is stored. A value that ELB would take and the data plane does not act on
//! is [`Values::Only`]'s to refuse.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LoadBalancerKind, Protocol};

/// What an attribute may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// `true` or `false`.
    Flag,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A number from the first to the second.
    Number(u32, u32),
    /// 0, or a number from the first to the second.
    ZeroOr(u32, u32),
    /// `off`, or a number from the first to the second.
    OffOr(u32, u32),
    /// At most this many characters.
    Text(usize),
    /// ELB takes more, but only these are acted on.
    Only(&'static [&'static str]),
}

/// An attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub key: &'static str,
    /// Its value when nobody set it.
    pub default: &'static str,
    /// What it may be.
    pub values: Values,
}

/// Attributes that are not at their defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// The value under `key`, or what `known` has for it; empty for an attribute that is not known.
    pub fn value<'a>(&'a self, known: &'static [Attribute], key: &str) -> &'a str {
        let default = || known.iter().find(|it| it.key == key).map_or("", |it| it.default);
        self.0.get(key).map_or_else(default, String::as_str)
    }

    /// Every known attribute with its value.
    pub fn effective<'a>(
        &'a self,
        known: &'static [Attribute],
    ) -> impl Iterator<Item = (&'static str, &'a str)> {
        known.iter().map(|it| (it.key, self.0.get(it.key).map_or(it.default, String::as_str)))
    }

    /// Sets an attribute to a value that was checked.
    #[must_use]
    pub fn with(mut self, attribute: &Attribute, value: &str) -> Self {
        if value == attribute.default {
            self.0.remove(attribute.key);
        } else {
            self.0.insert(attribute.key.to_owned(), value.to_owned());
        }
        self
    }
}

impl Values {
    /// Whether `value` is one of them.
    pub fn accept(self, value: &str) -> bool {
        let within = |from, to| value.parse::<u32>().is_ok_and(|number| (from..=to).contains(&number));
        match self {
            Values::Flag => matches!(value, "true" | "false"),
            Values::OneOf(words) | Values::Only(words) => words.contains(&value),
            Values::Number(from, to) => within(from, to),
            Values::ZeroOr(from, to) => value == "0" || within(from, to),
            Values::OffOr(from, to) => value == "off" || within(from, to),
            Values::Text(most) => value.chars().count() <= most && !value.chars().any(char::is_control),
        }
    }
}

const fn attribute(key: &'static str, default: &'static str, values: Values) -> Attribute {
    Attribute { key, default, values }
}

const OFF: Values = Values::Only(&["false"]);
const WEEK: u32 = 604_800;

static APPLICATION: &[Attribute] = &[
    attribute("access_logs.s3.enabled", "false", Values::Flag),
    attribute("access_logs.s3.bucket", "", Values::Text(512)),
    attribute("access_logs.s3.prefix", "", Values::Text(300)),
    attribute("client_keep_alive.seconds", "3600", Values::Number(60, WEEK)),
    attribute("connection_logs.s3.enabled", "false", Values::Flag),
    attribute("connection_logs.s3.bucket", "", Values::Text(512)),
    attribute("connection_logs.s3.prefix", "", Values::Text(300)),
    attribute("deletion_protection.enabled", "false", Values::Flag),
    attribute("health_check_logs.s3.enabled", "false", OFF),
    attribute("health_check_logs.s3.bucket", "", Values::Only(&[""])),
    attribute("health_check_logs.s3.prefix", "", Values::Only(&[""])),
    attribute("idle_timeout.timeout_seconds", "60", Values::Number(1, 4000)),
    attribute("ipv6.deny_all_igw_traffic", "false", OFF),
    attribute("load_balancing.cross_zone.enabled", "true", Values::Only(&["true"])),
    attribute("routing.http.desync_mitigation_mode", "defensive", Values::Only(&["defensive"])),
    attribute("routing.http.drop_invalid_header_fields.enabled", "false", Values::Flag),
    attribute("routing.http.preserve_host_header.enabled", "false", Values::Flag),
    attribute("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", Values::Flag),
    attribute("routing.http.xff_client_port.enabled", "false", Values::Flag),
    attribute(
        "routing.http.xff_header_processing.mode",
        "append",
        Values::OneOf(&["append", "preserve", "remove"]),
    ),
    attribute("routing.http2.enabled", "true", Values::Flag),
    attribute("waf.fail_open.enabled", "false", OFF),
    attribute("zonal_shift.config.enabled", "false", OFF),
];

static NETWORK: &[Attribute] = &[
    attribute("access_logs.s3.enabled", "false", Values::Flag),
    attribute("access_logs.s3.bucket", "", Values::Text(512)),
    attribute("access_logs.s3.prefix", "", Values::Text(300)),
    attribute("deletion_protection.enabled", "false", Values::Flag),
    attribute(
        "dns_record.client_routing_policy",
        "any_availability_zone",
        Values::Only(&["any_availability_zone"]),
    ),
    attribute("ipv6.deny_all_igw_traffic", "false", OFF),
    attribute("load_balancing.cross_zone.enabled", "false", Values::Flag),
    attribute("secondary_ips.auto_assigned.per_subnet", "0", Values::Only(&["0"])),
    attribute("zonal_shift.config.enabled", "false", OFF),
];

/// The attributes of a load balancer.
pub fn of_load_balancer(kind: LoadBalancerKind) -> &'static [Attribute] {
    match kind {
        LoadBalancerKind::Application => APPLICATION,
        LoadBalancerKind::Network => NETWORK,
    }
}

const ZONES: Values = Values::OneOf(&["use_load_balancer_configuration", "true", "false"]);
const COUNT: &str = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count";
const PERCENTAGE: &str = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage";
const DNS_COUNT: &str = "target_group_health.dns_failover.minimum_healthy_targets.count";
const DNS_PERCENTAGE: &str = "target_group_health.dns_failover.minimum_healthy_targets.percentage";

static HTTP_GROUP: &[Attribute] = &[
    attribute("deregistration_delay.timeout_seconds", "300", Values::Number(0, 3600)),
    attribute("load_balancing.algorithm.anomaly_mitigation", "off", Values::Only(&["off"])),
    attribute(
        "load_balancing.algorithm.type",
        "round_robin",
        Values::OneOf(&["round_robin", "least_outstanding_requests", "weighted_random"]),
    ),
    attribute("load_balancing.cross_zone.enabled", "use_load_balancer_configuration", ZONES),
    attribute("slow_start.duration_seconds", "0", Values::ZeroOr(30, 900)),
    attribute("stickiness.app_cookie.cookie_name", "", Values::Text(256)),
    attribute("stickiness.app_cookie.duration_seconds", "86400", Values::Number(1, WEEK)),
    attribute("stickiness.enabled", "false", Values::Flag),
    attribute("stickiness.lb_cookie.duration_seconds", "86400", Values::Number(1, WEEK)),
    attribute("stickiness.type", "lb_cookie", Values::OneOf(&["lb_cookie", "app_cookie"])),
    attribute(DNS_COUNT, "1", Values::Only(&["1"])),
    attribute(DNS_PERCENTAGE, "off", Values::Only(&["off"])),
    attribute(COUNT, "1", Values::Number(1, 1000)),
    attribute(PERCENTAGE, "off", Values::OffOr(1, 100)),
];

static CONNECTION_GROUP: &[Attribute] = &[
    attribute("deregistration_delay.connection_termination.enabled", "false", Values::Flag),
    attribute("deregistration_delay.timeout_seconds", "300", Values::Number(0, 3600)),
    attribute("load_balancing.cross_zone.enabled", "use_load_balancer_configuration", ZONES),
    attribute("preserve_client_ip.enabled", "false", OFF),
    attribute("proxy_protocol_v2.enabled", "false", Values::Flag),
    attribute("stickiness.enabled", "false", Values::Flag),
    attribute("stickiness.type", "source_ip", Values::OneOf(&["source_ip"])),
    attribute(DNS_COUNT, "1", Values::Only(&["1"])),
    attribute(DNS_PERCENTAGE, "off", Values::Only(&["off"])),
    attribute(COUNT, "1", Values::Number(1, 1000)),
    attribute(PERCENTAGE, "off", Values::OffOr(1, 100)),
    attribute("target_health_state.unhealthy.connection_termination.enabled", "true", Values::Flag),
    attribute("target_health_state.unhealthy.draining_interval_seconds", "0", Values::Only(&["0"])),
];

/// The attributes of a target group.
pub fn of_target_group(protocol: Protocol) -> &'static [Attribute] {
    if protocol.is_http() { HTTP_GROUP } else { CONNECTION_GROUP }
}

/// Attributes that name the headers in which a request's TLS is told; the names are ELB's.
const REQUEST_HEADERS: &[Attribute] = &[
    attribute(
        "routing.http.request.x_amzn_tls_cipher_suite.header_name",
        "X-Amzn-Tls-Cipher-Suite",
        Values::Only(&["X-Amzn-Tls-Cipher-Suite"]),
    ),
    attribute(
        "routing.http.request.x_amzn_tls_version.header_name",
        "X-Amzn-Tls-Version",
        Values::Only(&["X-Amzn-Tls-Version"]),
    ),
];

/// Response headers by the attribute that gives their value.
pub static RESPONSE_HEADERS: &[(&str, &str)] = &[
    (
        "routing.http.response.access_control_allow_credentials.header_value",
        "access-control-allow-credentials",
    ),
    ("routing.http.response.access_control_allow_headers.header_value", "access-control-allow-headers"),
    ("routing.http.response.access_control_allow_methods.header_value", "access-control-allow-methods"),
    ("routing.http.response.access_control_allow_origin.header_value", "access-control-allow-origin"),
    ("routing.http.response.access_control_expose_headers.header_value", "access-control-expose-headers"),
    ("routing.http.response.access_control_max_age.header_value", "access-control-max-age"),
    ("routing.http.response.content_security_policy.header_value", "content-security-policy"),
    ("routing.http.response.strict_transport_security.header_value", "strict-transport-security"),
    ("routing.http.response.x_content_type_options.header_value", "x-content-type-options"),
    ("routing.http.response.x_frame_options.header_value", "x-frame-options"),
];

const fn response_header(at: usize) -> Attribute {
    attribute(RESPONSE_HEADERS[at].0, "", Values::Text(1024))
}

static HTTP_LISTENER: &[Attribute] = &[
    response_header(0),
    response_header(1),
    response_header(2),
    response_header(3),
    response_header(4),
    response_header(5),
    response_header(6),
    response_header(8),
    response_header(9),
    attribute("routing.http.response.server.enabled", "true", Values::Flag),
];

static HTTPS_LISTENER: &[Attribute] = &[
    REQUEST_HEADERS[0],
    REQUEST_HEADERS[1],
    response_header(0),
    response_header(1),
    response_header(2),
    response_header(3),
    response_header(4),
    response_header(5),
    response_header(6),
    response_header(7),
    response_header(8),
    response_header(9),
    attribute("routing.http.response.server.enabled", "true", Values::Flag),
];

static TCP_LISTENER: &[Attribute] = &[attribute("tcp.idle_timeout.seconds", "350", Values::Number(60, 6000))];

/// The attributes of a listener.
pub fn of_listener(protocol: Protocol) -> &'static [Attribute] {
    match protocol {
        Protocol::Http => HTTP_LISTENER,
        Protocol::Https => HTTPS_LISTENER,
        Protocol::Tcp => TCP_LISTENER,
        // ELB's idle timeout of TLS listeners is fixed.
        Protocol::Tls => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_allowed_values() {
        let all = [APPLICATION, NETWORK, HTTP_GROUP, CONNECTION_GROUP, HTTPS_LISTENER, TCP_LISTENER];
        for attribute in all.iter().copied().flatten() {
            assert!(attribute.values.accept(attribute.default), "{}", attribute.key);
        }
    }

    #[test]
    fn only_what_differs_is_stored() {
        let known = of_target_group(Protocol::Http);
        let delay = known.iter().find(|it| it.key == "deregistration_delay.timeout_seconds").unwrap();
        let set = Attributes::default().with(delay, "5");
        assert_eq!(set.value(known, delay.key), "5");
        assert_eq!(set.clone().with(delay, "300"), Attributes::default());
        assert!(!delay.values.accept("3601") && !delay.values.accept("x"));
        assert!(Values::ZeroOr(30, 900).accept("0") && !Values::ZeroOr(30, 900).accept("29"));
    }
}
