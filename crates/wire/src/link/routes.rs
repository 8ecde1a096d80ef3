//! What the control plane tells a balancer: every load balancer with its listeners and rules, and every target group.
//!
//! [`Routes`] is a whole snapshot, never a change: the newest one is all that counts, and a balancer that
//! was away needs nothing else. Everything in it is parsed and decided; a balancer looks nothing up. What it tells
//! back is in `routes_report.rs`. The process on the other end may be of another version: new fields
//! have a default, and a change that an old reader would misread raises [`ROUTES_VERSION`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{ProxyRoute, TargetGroupRoute, TargetRoute};

/// The version of these messages. Two processes that differ in it do not understand each other.
pub const ROUTES_VERSION: u32 = 1;

/// Everything that a balancer serves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Routes {
    /// [`ROUTES_VERSION`] of the writer.
    pub version: u32,
    /// Rises with every snapshot, also over restarts (a store counter does); reports name the one that is served.
    pub serial: u64,
    /// In the order of their creation: on a shared address an earlier one has the right of way.
    pub load_balancers: Vec<LoadBalancerRoute>,
    /// Each target group that a listener or rule names, once; one that nothing names is not checked.
    pub target_groups: Vec<TargetGroupRoute>,
    /// The proxies of tasks with Service Connect.
    #[serde(default)]
    pub proxies: Vec<ProxyRoute>,
    /// The targets of their endpoints.
    #[serde(default)]
    pub proxy_targets: BTreeMap<String, Vec<TargetRoute>>,
}

impl Routes {
    /// Whether there is anything to serve.
    pub fn is_empty(&self) -> bool {
        self.load_balancers.is_empty() && self.proxies.is_empty()
    }
}

/// One load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadBalancerRoute {
    /// Its ARN.
    pub arn: String,
    /// Application or network.
    pub kind: LoadBalancerKind,
    /// The name that clients ask for; lower case.
    pub dns_name: String,
    /// Its own addresses on this machine: one of 127.0.0.0/8 and those in its VPC. Each is bound alone,
    /// so no other load balancer may have it. An address that is not there (yet) is tried again.
    pub addresses: Vec<IpAddr>,
    /// Addresses that it shares with others, usually 127.0.0.1: there HTTP, HTTPS and TLS listeners of one port
    /// are told apart by host name, and a TCP port belongs to the first load balancer that has it.
    #[serde(default)]
    pub shared_addresses: Vec<IpAddr>,
    /// The zones of those of its addresses that stand in one; the others stand in all.
    #[serde(default)]
    pub zones: BTreeMap<IpAddr, String>,
    /// Its attributes.
    #[serde(default)]
    pub attributes: LoadBalancerAttributes,
    /// Its listeners; no two have the same port.
    pub listeners: Vec<ListenerRoute>,
}

/// The kinds of load balancers that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LoadBalancerKind {
    /// Requests.
    Application,
    /// Connections.
    Network,
}

/// What `ModifyLoadBalancerAttributes` can change and a balancer acts on. The defaults are ELB's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancerAttributes {
    /// `idle_timeout.timeout_seconds`.
    pub idle_timeout_seconds: u32,
    /// `client_keep_alive.seconds`.
    pub client_keep_alive_seconds: u32,
    /// `routing.http.xff_header_processing.mode`.
    pub forwarded_for: ForwardedFor,
    /// `routing.http.xff_client_port.enabled`.
    pub forwarded_for_port: bool,
    /// `routing.http.preserve_host_header.enabled`.
    pub preserve_host_header: bool,
    /// `routing.http.drop_invalid_header_fields.enabled`.
    pub drop_invalid_header_fields: bool,
    /// `routing.http.x_amzn_tls_version_and_cipher_suite.enabled`.
    pub tls_headers: bool,
    /// `routing.http2.enabled`.
    pub http2: bool,
    /// `access_logs.s3.enabled`: requests are reported, line by line.
    pub access_log: bool,
    /// `connection_logs.s3.enabled`: connections are reported, line by line.
    pub connection_log: bool,
}

impl Default for LoadBalancerAttributes {
    fn default() -> LoadBalancerAttributes {
        LoadBalancerAttributes {
            idle_timeout_seconds: 60,
            client_keep_alive_seconds: 3600,
            forwarded_for: ForwardedFor::Append,
            forwarded_for_port: false,
            preserve_host_header: false,
            drop_invalid_header_fields: false,
            tls_headers: false,
            http2: true,
            access_log: false,
            connection_log: false,
        }
    }
}

/// What becomes of `X-Forwarded-For`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ForwardedFor {
    /// The client's address is appended.
    #[default]
    Append,
    /// It passes as it came.
    Preserve,
    /// It is taken away.
    Remove,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerRoute {
    /// Its ARN.
    pub arn: String,
    /// Where it listens, on each of the load balancer's addresses.
    pub port: u16,
    /// What it speaks with clients.
    pub protocol: ListenerProtocol,
    /// For HTTPS and TLS: the default certificate, then those that server names choose from.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    /// For HTTPS and TLS: the name of the security policy, such as `ELBSecurityPolicy-TLS13-1-2-2021-06`.
    #[serde(default)]
    pub ssl_policy: Option<String>,
    /// For TLS: what is offered by ALPN, in this order.
    #[serde(default)]
    pub alpn: Vec<String>,
    /// For TCP and TLS: `tcp.idle_timeout.seconds`.
    #[serde(default = "tcp_idle_timeout")]
    pub tcp_idle_timeout_seconds: u32,
    /// `routing.http.response.server.enabled`: whether our own responses and the targets' name their server.
    #[serde(default = "yes")]
    pub server_header: bool,
    /// The other `routing.http.response.*` attributes: headers that every response gets.
    #[serde(default)]
    pub response_headers: Vec<(String, String)>,
    /// The rules but the default one, by rising priority. None for TCP and TLS.
    #[serde(default)]
    pub rules: Vec<RuleRoute>,
    /// What happens when no rule matches.
    pub default_action: RouteAction,
}

fn tcp_idle_timeout() -> u32 {
    350
}

fn yes() -> bool {
    true
}

/// What a listener speaks with clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ListenerProtocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/1.1 and HTTP/2 over TLS.
    Https,
    /// Bytes.
    Tcp,
    /// Bytes over TLS, which ends here.
    Tls,
}

/// A certificate with its key.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// Its ARN.
    pub arn: String,
    /// The certificate and its chain, leaf first.
    pub chain_pem: String,
    /// The private key.
    pub key_pem: String,
    /// The names it stands for, as in its subject alternative names; lower case, `*.` allowed.
    pub names: Vec<String>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("arn", &self.arn)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// A rule of a listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleRoute {
    /// Its ARN.
    pub arn: String,
    /// The lowest is asked first.
    pub priority: u32,
    /// All must hold.
    pub conditions: Vec<RouteCondition>,
    /// What happens to the request.
    pub action: RouteAction,
}

/// A condition: it holds when any of its values matches. `*` and `?` are wildcards where patterns are named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "field", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum RouteCondition {
    /// The host without its port; patterns, whatever the case.
    HostHeader {
        /// Patterns.
        values: Vec<String>,
    },
    /// The path without the query; patterns, case matters.
    PathPattern {
        /// Patterns.
        values: Vec<String>,
    },
    /// A header; patterns, whatever the case.
    HttpHeader {
        /// The header.
        name: String,
        /// Patterns.
        values: Vec<String>,
    },
    /// The method, exactly.
    HttpRequestMethod {
        /// Methods.
        values: Vec<String>,
    },
    /// A parameter of the query string; patterns, whatever the case.
    QueryString {
        /// Keys (any, where there is none) and values.
        values: Vec<QueryPattern>,
    },
    /// The address of the connection's other end; `X-Forwarded-For` does not count.
    SourceIp {
        /// Blocks of addresses.
        values: Vec<AddressBlock>,
    },
}

/// One key and value of a query-string condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryPattern {
    /// A pattern; `None` takes any key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A pattern.
    pub value: String,
}

/// A CIDR block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressBlock {
    /// Its first address.
    pub address: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum RouteAction {
    /// It goes to a target.
    Forward {
        /// One or more target groups.
        target_groups: Vec<WeightedTargetGroup>,
        /// How long a client stays with the target group that it got first; `None` does not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stickiness_seconds: Option<u32>,
    },
    /// The client is sent elsewhere. `#{protocol}`, `#{host}`, `#{port}`, `#{path}` and `#{query}` are replaced.
    Redirect {
        /// `HTTP`, `HTTPS` or `#{protocol}`.
        protocol: String,
        /// The host.
        host: String,
        /// The port.
        port: String,
        /// The path, with its leading `/`.
        path: String,
        /// The query, without `?`; empty for none.
        query: String,
        /// 301 or 302.
        status: u16,
    },
    /// The answer is known.
    FixedResponse {
        /// The status.
        status: u16,
        /// The type of the body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
        /// The body.
        #[serde(default)]
        body: String,
    },
}

/// A target group's share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WeightedTargetGroup {
    /// Its ARN.
    pub arn: String,
    /// 0 to 999; of the sum of all.
    pub weight: u16,
}
