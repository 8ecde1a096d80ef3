//! Service Connect: an endpoint of a task's proxy as a listener with one group of targets.
//!
//! Each task has its own group for an endpoint, so that connections belong to the task's network, and what one
//! client finds failing is not taken from another.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use wire::link::{
    Algorithm, ListenerProtocol, LoadBalancerAttributes, ProtocolVersion, ProxyEndpoint, ProxyProtocol,
    TargetGroupRoute, TargetProtocol, TargetRoute,
};

use crate::group::Group;
use crate::place::Place;
use crate::table::{Action, Forward, Listener, Serving};

/// For ever, as far as a timer is concerned.
const FOR_EVER: u32 = 365 * 24 * 3600;

/// Where a task's endpoint is served.
pub fn place(task: &Arc<str>, endpoint: &ProxyEndpoint) -> Place {
    let address = SocketAddr::new(IpAddr::V4(endpoint.address), endpoint.listen_port);
    Place { task: Some(task.clone()), address }
}

/// The targets of an endpoint, in turn; who fails too often is left out.
pub fn group(endpoint: &ProxyEndpoint, targets: &[TargetRoute]) -> TargetGroupRoute {
    TargetGroupRoute {
        arn: endpoint.targets.clone(),
        protocol: match endpoint.protocol {
            ProxyProtocol::Tcp => TargetProtocol::Tcp,
            ProxyProtocol::Http | ProxyProtocol::Http2 | ProxyProtocol::Grpc => TargetProtocol::Http,
        },
        protocol_version: match endpoint.protocol {
            ProxyProtocol::Tcp | ProxyProtocol::Http => ProtocolVersion::Http1,
            ProxyProtocol::Http2 => ProtocolVersion::Http2,
            ProxyProtocol::Grpc => ProtocolVersion::Grpc,
        },
        algorithm: Algorithm::RoundRobin,
        stickiness: None,
        slow_start_seconds: 0,
        deregistration_delay_seconds: 0,
        connection_termination: false,
        unhealthy_termination: false,
        cross_zone: true,
        proxy_protocol: false,
        ejects: true,
        minimum_healthy_count: 1,
        minimum_healthy_percent: 0,
        health_check: None,
        targets: targets.to_vec(),
    }
}

/// What is served at an endpoint.
pub fn serving(endpoint: &ProxyEndpoint, group: &Arc<Group>) -> Serving {
    let idle = match endpoint.idle_timeout_seconds {
        0 => FOR_EVER,
        seconds => seconds.min(FOR_EVER),
    };
    let attributes = LoadBalancerAttributes {
        idle_timeout_seconds: idle,
        client_keep_alive_seconds: FOR_EVER,
        preserve_host_header: true,
        ..LoadBalancerAttributes::default()
    };
    let (protocol, prior_knowledge) = match endpoint.protocol {
        ProxyProtocol::Tcp => (ListenerProtocol::Tcp, false),
        ProxyProtocol::Http => (ListenerProtocol::Http, false),
        ProxyProtocol::Http2 | ProxyProtocol::Grpc => (ListenerProtocol::Http, true),
    };
    let timeout = endpoint.request_timeout_seconds.min(FOR_EVER);
    let listener = Arc::new(Listener {
        arn: endpoint.targets.clone(),
        port: endpoint.port,
        protocol,
        load_balancer: String::new(),
        dns_name: String::new(),
        attributes: Arc::new(attributes),
        tls: None,
        certificates: Vec::new(),
        prior_knowledge,
        request_timeout: (timeout > 0).then(|| Duration::from_secs(timeout.into())),
        tcp_idle_timeout_seconds: idle,
        server_header: true,
        response_headers: Vec::new(),
        default_action: Action::Forward(Forward::only(group.clone())),
        rules: Vec::new(),
    });
    match endpoint.protocol {
        ProxyProtocol::Tcp => Serving { tcp: Some(listener), ..Serving::default() },
        ProxyProtocol::Http | ProxyProtocol::Http2 | ProxyProtocol::Grpc => {
            Serving { plain: vec![listener], ..Serving::default() }
        }
    }
}
