//! The doors for Service Connect: its namespaces, its services of API discovery, and where their instances are.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use model::discovery::{InstanceHealth, Namespace, NamespaceKind, Service};
use model::{IdSource, Scope, Timestamp};
use store::{Row, Snapshot, Txn};

use super::store::{self as tables, InstanceRow, NamespaceRow, ServiceRow};

/// Characters of the ids of namespaces and services behind their prefix.
const SHORT: usize = 16;

/// The tables whose changes may change where instances are.
pub const TABLES: &[&str] = &[<InstanceRow as Row>::TABLE, <ServiceRow as Row>::TABLE];

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceView {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
}

/// Where an instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceView {
    /// Its id: for a task its own.
    pub id: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its port.
    pub port: u16,
}

/// The namespace with this name, id or ARN.
pub fn namespace(snapshot: &Snapshot, scope: &Scope, raw: &str) -> Option<NamespaceView> {
    let named = || tables::namespace_called(snapshot, scope, raw);
    let found = tables::namespace(snapshot, scope, raw).ok().or_else(named)?;
    Some(NamespaceView { arn: found.arn().to_string(), name: found.name.clone() })
}

/// Adds a namespace of API discovery to `txn`.
pub fn make_namespace(
    txn: Txn,
    scope: &Scope,
    name: &str,
    now: Timestamp,
    ids: &mut dyn IdSource,
) -> (Txn, NamespaceView) {
    let namespace = Namespace {
        scope: scope.clone(),
        id: format!("ns-{}", ids.base32(SHORT).to_ascii_lowercase()),
        name: name.to_owned(),
        kind: NamespaceKind::Http,
        description: None,
        creator_request_id: None,
        created_at: now,
        tags: BTreeMap::new(),
    };
    let view = NamespaceView { arn: namespace.arn().to_string(), name: namespace.name.clone() };
    (txn.insert(&NamespaceRow(namespace)), view)
}

/// The ARN of the namespace's service with this name, and whether it has DNS records.
pub fn service_called(
    snapshot: &Snapshot,
    scope: &Scope,
    namespace: &str,
    name: &str,
) -> Option<(String, bool)> {
    let namespace = tables::namespace(snapshot, scope, namespace).ok()?;
    let service = tables::service_called(snapshot, &namespace, name)?;
    Some((service.arn().to_string(), service.dns.is_some()))
}

/// Adds services of API discovery, whose instances have a health that is told, to a namespace. Answers their ARNs.
pub fn make_services(
    snapshot: &Snapshot,
    txn: Txn,
    scope: &Scope,
    namespace: &str,
    names: &[&str],
    (now, ids): (Timestamp, &mut dyn IdSource),
) -> (Txn, Vec<String>) {
    let (Ok(namespace), false) = (tables::namespace(snapshot, scope, namespace), names.is_empty()) else {
        return (txn, Vec::new());
    };
    // The namespace's record is written anew, so that two services of one name or a deletion cannot pass each other.
    let same = namespace.row.as_ref().clone();
    let mut txn = txn.update(&namespace, &same);
    let mut arns = Vec::new();
    for name in names {
        let service = Service {
            scope: scope.clone(),
            id: format!("srv-{}", ids.base32(SHORT).to_ascii_lowercase()),
            namespace_id: namespace.id.clone(),
            name: (*name).to_owned(),
            description: None,
            dns: None,
            custom_health: true,
            creator_request_id: None,
            created_at: now,
            attributes: BTreeMap::new(),
            tags: BTreeMap::new(),
            revision: 1,
        };
        arns.push(service.arn().to_string());
        txn = txn.insert(&ServiceRow(service));
    }
    (txn, arns)
}

/// Takes an instance out, and with the last one its service.
pub fn deregister_last(
    snapshot: &Snapshot,
    txn: Txn,
    scope: &Scope,
    service: &str,
    instance_id: &str,
) -> Txn {
    let Ok(found) = tables::service(snapshot, scope, service) else { return txn };
    let instances = tables::instances_of(snapshot, &found);
    if instances.iter().any(|it| it.id != instance_id) {
        return super::door::deregister_instance(snapshot, txn, scope, service, instance_id);
    }
    instances.iter().fold(txn.remove(&found), |txn, instance| txn.delete::<InstanceRow>(&instance.row.key()))
}

/// Where the instances of a service are that may be sent to: the healthy ones, or all when none is.
pub fn instances(snapshot: &Snapshot, scope: &Scope, service: &str) -> Vec<InstanceView> {
    let Ok(service) = tables::service(snapshot, scope, service) else { return Vec::new() };
    let all = tables::instances_of(snapshot, &service);
    let healthy = all.iter().any(|it| it.health == InstanceHealth::Healthy);
    let usable = all.iter().filter(|it| !healthy || it.health == InstanceHealth::Healthy);
    usable
        .filter_map(|it| {
            Some(InstanceView {
                id: it.id.clone(),
                address: it.attribute("AWS_INSTANCE_IPV4")?.parse().ok()?,
                port: it.attribute("AWS_INSTANCE_PORT")?.parse().ok()?,
            })
        })
        .collect()
}
