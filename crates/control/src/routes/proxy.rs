//! Proxies of Service Connect, rendered for the balancer: whose they are, and where their endpoints' targets are. Pure but
//! for the snapshot.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::ecs::container_definition::ApplicationProtocol;
use model::ecs::service_connect::{Endpoint, Place, places};
use services::discovery::connect as discovery;
use services::ecs;
use store::Snapshot;
use wire::link::{ProxyEndpoint, ProxyProtocol, ProxyRoute, TargetRoute};

/// Every proxy, and the targets of their endpoints.
pub(super) fn proxies(snapshot: &Snapshot) -> (Vec<ProxyRoute>, BTreeMap<String, Vec<TargetRoute>>) {
    let mut targets: BTreeMap<String, Vec<TargetRoute>> = BTreeMap::new();
    let mut routes = Vec::new();
    for proxied in ecs::connect::proxied(snapshot) {
        for arn in proxied.endpoints.iter().map(|endpoint| &endpoint.discovery_arn) {
            if !targets.contains_key(arn) {
                let instances = discovery::instances(snapshot, &proxied.scope, arn);
                targets.insert(arn.clone(), instances.iter().map(target).collect());
            }
        }
        let endpoints = proxied.endpoints.iter().zip(places(&proxied.endpoints));
        let endpoints = endpoints.map(|(endpoint, place)| self::endpoint(endpoint, place)).collect();
        routes.push(ProxyRoute { task_id: proxied.task_id, endpoints });
    }
    (routes, targets)
}

fn endpoint(it: &Endpoint, place: Place) -> ProxyEndpoint {
    ProxyEndpoint {
        address: place.address,
        listen_port: place.listen_port,
        port: it.port,
        protocol: match it.protocol {
            None => ProxyProtocol::Tcp,
            Some(ApplicationProtocol::Http) => ProxyProtocol::Http,
            Some(ApplicationProtocol::Http2) => ProxyProtocol::Http2,
            Some(ApplicationProtocol::Grpc) => ProxyProtocol::Grpc,
        },
        idle_timeout_seconds: it.idle_timeout_seconds,
        request_timeout_seconds: it.request_timeout_seconds,
        targets: it.discovery_arn.clone(),
    }
}

fn target(it: &discovery::InstanceView) -> TargetRoute {
    TargetRoute {
        id: it.id.clone(),
        address: IpAddr::V4(it.address),
        port: it.port,
        zone: String::new(),
        draining: false,
    }
}
