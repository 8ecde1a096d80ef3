//! Target groups as a balancer is told of them; a part of [`super::Routes`].

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A target group and its targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetGroupRoute {
    /// Its ARN.
    pub arn: String,
    /// What is spoken with targets.
    pub protocol: TargetProtocol,
    /// The version of HTTP that is spoken with targets.
    #[serde(default)]
    pub protocol_version: ProtocolVersion,
    /// `load_balancing.algorithm.type`.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// `stickiness.*`; `None` when it is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stickiness: Option<Stickiness>,
    /// `slow_start.duration_seconds`; 0 is none.
    #[serde(default)]
    pub slow_start_seconds: u32,
    /// `deregistration_delay.timeout_seconds`. Whoever writes the snapshot ends the draining.
    #[serde(default)]
    pub deregistration_delay_seconds: u32,
    /// `deregistration_delay.connection_termination.enabled`: what still runs is cut when a draining target goes.
    #[serde(default)]
    pub connection_termination: bool,
    /// `target_health_state.unhealthy.connection_termination.enabled`: what runs is cut when a target turns unhealthy.
    #[serde(default)]
    pub unhealthy_termination: bool,
    /// `load_balancing.cross_zone.enabled`: otherwise what comes to an address of one zone goes to that zone's targets.
    #[serde(default = "yes")]
    pub cross_zone: bool,
    /// `proxy_protocol_v2.enabled`.
    #[serde(default)]
    pub proxy_protocol: bool,
    /// Whether targets that fail too often are left out for a while, and repeatable requests that fail go to others.
    #[serde(default)]
    pub ejects: bool,
    /// `target_group_health.unhealthy_state_routing.minimum_healthy_targets.count`: with fewer healthy
    /// targets all of them are used.
    #[serde(default = "one")]
    pub minimum_healthy_count: u32,
    /// The same as a percentage; 0 is off.
    #[serde(default)]
    pub minimum_healthy_percent: u8,
    /// How targets are checked; `None` where health checks are off: then every target counts as healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<TargetHealthCheck>,
    /// The targets, in the order of their registration.
    pub targets: Vec<TargetRoute>,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// What is spoken with targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TargetProtocol {
    /// HTTP.
    Http,
    /// HTTP over TLS; certificates of targets are not verified, as ELB does not.
    Https,
    /// Bytes.
    Tcp,
    /// Bytes over TLS.
    Tls,
}

/// The versions of HTTP that targets may speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ProtocolVersion {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2.
    Http2,
    /// gRPC over HTTP/2.
    Grpc,
}

/// How a target is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// In turn.
    #[default]
    RoundRobin,
    /// The one with the fewest running requests.
    LeastOutstandingRequests,
    /// At random.
    WeightedRandom,
}

/// How a client stays with a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Stickiness {
    /// By a cookie of ours.
    LbCookie {
        /// How long.
        duration_seconds: u32,
    },
    /// By a cookie of the application's, beside one of ours.
    AppCookie {
        /// The application's cookie.
        cookie_name: String,
        /// How long.
        duration_seconds: u32,
    },
    /// By the client's address (network load balancers).
    SourceIp,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetRoute {
    /// The id it was registered by; with the port it names the target in its group.
    pub id: String,
    /// Where it is.
    pub address: IpAddr,
    /// The port that gets the traffic.
    pub port: u16,
    /// Its availability zone; empty or `all` is every zone.
    #[serde(default)]
    pub zone: String,
    /// Whether it is being deregistered: it gets nothing new, what runs may finish.
    #[serde(default)]
    pub draining: bool,
}

/// How the targets of a group are checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetHealthCheck {
    /// What is spoken.
    pub protocol: TargetProtocol,
    /// The port; `None` is the target's own (`traffic-port`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// For HTTP: the path; for gRPC: the method, as `/package.service/method`.
    #[serde(default)]
    pub path: String,
    /// From the start of one check to the next.
    pub interval_seconds: u32,
    /// How long a check may take.
    pub timeout_seconds: u32,
    /// Successes in a row that make an unhealthy target healthy. A new target needs one.
    pub healthy_threshold: u32,
    /// Failures in a row that make a target unhealthy.
    pub unhealthy_threshold: u32,
    /// What counts as a success; unused for TCP and TLS.
    #[serde(default)]
    pub matcher: Matcher,
}

/// The answers that count as a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Matcher {
    /// HTTP statuses, as ranges with both ends (`200,202` is two of them).
    Http(Vec<(u16, u16)>),
    /// gRPC statuses, as ranges with both ends.
    Grpc(Vec<(u16, u16)>),
}

impl Default for Matcher {
    fn default() -> Matcher {
        Matcher::Http(vec![(200, 200)])
    }
}
