//! Proxies of Service Connect, as the balancer and the node are told of them; a part of [`super::Routes`] and of
//! [`super::TaskExtras`].
//!
//! A proxy listens inside of a task's network namespace and connects from there, so that the task's own security groups
//! hold for what it carries.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// The proxy of one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyRoute {
    /// The task's id. The node keeps a link of this name to the task's network namespace.
    pub task_id: String,
    /// What it can connect to.
    pub endpoints: Vec<ProxyEndpoint>,
}

/// What a task can connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyEndpoint {
    /// Where its name leads, inside of the task.
    pub address: Ipv4Addr,
    /// The port on which the proxy listens there.
    pub listen_port: u16,
    /// The port that clients use.
    pub port: u16,
    /// What is spoken.
    pub protocol: ProxyProtocol,
    /// How long a connection may be idle; 0 is for ever.
    pub idle_timeout_seconds: u32,
    /// How long a request may take; 0 is for ever.
    pub request_timeout_seconds: u32,
    /// Names its targets in [`super::Routes::proxy_targets`].
    pub targets: String,
}

/// What is spoken with an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProxyProtocol {
    /// Bytes.
    Tcp,
    /// HTTP/1.1.
    Http,
    /// HTTP/2 without TLS, by both sides' prior knowledge.
    Http2,
    /// gRPC over the same.
    Grpc,
}

/// A name that leads to a task's proxy: what the node writes down in the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyName {
    /// The name.
    pub name: String,
    /// Where it leads.
    pub address: Ipv4Addr,
    /// The port that clients use.
    pub port: u16,
    /// The port on which the proxy listens.
    pub listen_port: u16,
}
