//! Records of this room as Cloud Map shows them, and the parts of requests that several operations read.

use std::collections::BTreeMap;

use model::discovery::{
    DnsConfig, InstanceHealth, Namespace, NamespaceKind, RecordKind, RoutingPolicy, Service,
};
use wire::servicediscovery as shapes;

use super::error::Error;
use crate::context::OpCtx;

/// The most tags of a resource.
const TAG_LIMIT: usize = 50;

/// A resource in the scope, for policies.
pub(super) fn arn(ctx: &OpCtx, kind: &str, raw: &str) -> String {
    if raw.starts_with("arn:") {
        raw.to_owned()
    } else {
        ctx.arn("servicediscovery", format!("{kind}/{raw}")).to_string()
    }
}

/// A namespace's properties.
fn properties(namespace: &Namespace) -> shapes::NamespaceProperties {
    let dns = match &namespace.kind {
        NamespaceKind::Http => None,
        NamespaceKind::PrivateDns { hosted_zone_id, soa_ttl, .. } => Some(shapes::DnsProperties {
            hosted_zone_id: Some(hosted_zone_id.clone()),
            soa: Some(shapes::SOA { ttl: i64::from(*soa_ttl) }),
        }),
    };
    shapes::NamespaceProperties {
        dns_properties: dns,
        http_properties: Some(shapes::HttpProperties { http_name: Some(namespace.name.clone()) }),
    }
}

/// A namespace's kind on the wire.
pub(super) fn namespace_type(kind: &NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::Http => "HTTP",
        NamespaceKind::PrivateDns { .. } => "DNS_PRIVATE",
    }
}

/// A namespace.
pub(super) fn namespace(namespace: &Namespace, services: usize) -> shapes::Namespace {
    shapes::Namespace {
        id: Some(namespace.id.clone()),
        arn: Some(namespace.arn().to_string()),
        resource_owner: Some(namespace.scope.account.to_string()),
        name: Some(namespace.name.clone()),
        r#type: Some(namespace_type(&namespace.kind).into()),
        description: namespace.description.clone(),
        service_count: Some(i32::try_from(services).unwrap_or(i32::MAX)),
        properties: Some(properties(namespace)),
        create_date: Some(namespace.created_at.as_millis()),
        creator_request_id: namespace.creator_request_id.clone(),
    }
}

/// A namespace in a list.
pub(super) fn namespace_summary(it: &Namespace, services: usize) -> shapes::NamespaceSummary {
    let whole = namespace(it, services);
    shapes::NamespaceSummary {
        id: whole.id,
        arn: whole.arn,
        resource_owner: whole.resource_owner,
        name: whole.name,
        r#type: whole.r#type,
        description: whole.description,
        service_count: whole.service_count,
        properties: whole.properties,
        create_date: whole.create_date,
    }
}

/// A service.
pub(super) fn service(service: &Service, instances: i32) -> shapes::Service {
    let account = service.scope.account.to_string();
    let dns = service.dns.as_ref().map(|dns| shapes::DnsConfig {
        namespace_id: Some(service.namespace_id.clone()),
        routing_policy: Some(routing(dns.routing).into()),
        dns_records: dns
            .records
            .iter()
            .map(|(kind, ttl)| shapes::DnsRecord { r#type: record(*kind).into(), ttl: i64::from(*ttl) })
            .collect(),
    });
    shapes::Service {
        id: Some(service.id.clone()),
        arn: Some(service.arn().to_string()),
        resource_owner: Some(account.clone()),
        name: Some(service.name.clone()),
        namespace_id: Some(service.namespace_id.clone()),
        description: service.description.clone(),
        instance_count: Some(instances),
        r#type: Some(if dns.is_some() { "DNS_HTTP" } else { "HTTP" }.into()),
        dns_config: dns,
        health_check_config: None,
        health_check_custom_config: service
            .custom_health
            .then_some(shapes::HealthCheckCustomConfig { failure_threshold: Some(1) }),
        create_date: Some(service.created_at.as_millis()),
        creator_request_id: service.creator_request_id.clone(),
        created_by_account: Some(account),
    }
}

/// A service in a list.
pub(super) fn service_summary(it: &Service, instances: i32) -> shapes::ServiceSummary {
    let whole = service(it, instances);
    shapes::ServiceSummary {
        id: whole.id,
        arn: whole.arn,
        resource_owner: whole.resource_owner,
        name: whole.name,
        r#type: whole.r#type,
        description: whole.description,
        instance_count: whole.instance_count,
        dns_config: whole.dns_config,
        health_check_config: None,
        health_check_custom_config: whole.health_check_custom_config,
        create_date: whole.create_date,
        created_by_account: whole.created_by_account,
    }
}

fn routing(policy: RoutingPolicy) -> &'static str {
    match policy {
        RoutingPolicy::Multivalue => "MULTIVALUE",
        RoutingPolicy::Weighted => "WEIGHTED",
    }
}

fn record(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::A => "A",
        RecordKind::Cname => "CNAME",
        RecordKind::Srv => "SRV",
    }
}

/// An instance's health, where its service has one.
pub(super) fn health(service: &Service, health: InstanceHealth) -> &'static str {
    match health {
        _ if !service.custom_health => "UNKNOWN",
        InstanceHealth::Healthy => "HEALTHY",
        InstanceHealth::Unhealthy => "UNHEALTHY",
    }
}

/// Reads the records of a service.
pub(super) fn read_records(given: &[shapes::DnsRecord]) -> Result<BTreeMap<RecordKind, u32>, Error> {
    let mut records = BTreeMap::new();
    for shape in given {
        let kind = match shape.r#type.as_str() {
            "A" => RecordKind::A,
            "CNAME" => RecordKind::Cname,
            "SRV" => RecordKind::Srv,
            // Deviation: networks carry no IPv6.
            _ => return Err(Error::Input("AAAA records are not supported: networks carry no IPv6.".into())),
        };
        let ttl = u32::try_from(shape.ttl).map_err(|_| Error::Input("The TTL is out of range.".into()))?;
        if records.insert(kind, ttl).is_some() {
            return Err(Error::Input("A record type is named twice.".into()));
        }
    }
    match (records.len(), records.contains_key(&RecordKind::Cname)) {
        (0, _) => Err(Error::Input("A DNS configuration needs a record.".into())),
        (2.., true) => Err(Error::Input("CNAME records cannot be with others.".into())),
        (_, _) => Ok(records),
    }
}

/// Reads the DNS configuration of a new service.
pub(super) fn read_dns(given: &shapes::DnsConfig) -> Result<DnsConfig, Error> {
    let records = read_records(&given.dns_records)?;
    let routing = match given.routing_policy.as_deref() {
        Some("WEIGHTED") => RoutingPolicy::Weighted,
        Some(_) | None => RoutingPolicy::Multivalue,
    };
    if records.contains_key(&RecordKind::Cname) && routing != RoutingPolicy::Weighted {
        return Err(Error::Input("CNAME records need the routing policy WEIGHTED.".into()));
    }
    Ok(DnsConfig { routing, records })
}

/// Reads tags.
pub(super) fn read_tags(given: Option<Vec<shapes::Tag>>) -> Result<BTreeMap<String, String>, Error> {
    let tags: BTreeMap<_, _> = given.into_iter().flatten().map(|tag| (tag.key, tag.value)).collect();
    if let Some(key) = tags.keys().find(|key| key.starts_with("aws:")) {
        return Err(Error::Input(format!("The tag key {key} is reserved.")));
    }
    if tags.len() > TAG_LIMIT { Err(Error::TooManyTags) } else { Ok(tags) }
}

/// Tags on the wire.
pub(super) fn write_tags(tags: &BTreeMap<String, String>) -> Vec<shapes::Tag> {
    tags.iter().map(|(key, value)| shapes::Tag { key: key.clone(), value: value.clone() }).collect()
}
