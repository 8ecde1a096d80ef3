//! The doors of this room: the ecs room registers its tasks here, and `node` asks for names.
//!
//! Doors that write add to the caller's transaction, so that a task and its registration are written
//! together or not at all. Everything may be said twice.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use model::discovery::{Instance, InstanceHealth, NamespaceKind, RecordKind, RoutingPolicy, Service};
use model::{IdSource, Scope, Timestamp};
use store::{Row, Snapshot, Txn, Versioned, key};
use wire::link::{NameRecords, Resolution, ServiceRecord};

use super::error::Error;
use super::store::{self as tables, BY_VPC, InstanceRow, NamespaceRow, ServiceRow};

/// Records of one name that are answered at once.
const ANSWER_LIMIT: usize = 8;
const MAX_TTL: u32 = 60;

/// What is registered.
#[derive(Clone, Debug)]
pub struct Registration<'a> {
    /// Where the service lives.
    pub scope: &'a Scope,
    /// The service's id or ARN.
    pub service: &'a str,
    /// The instance's id: for a task its own.
    pub instance_id: &'a str,
    /// What is known of it.
    pub attributes: BTreeMap<String, String>,
    /// What the creator calls the request.
    pub creator_request_id: Option<String>,
    /// The time of the request.
    pub now: Timestamp,
}

/// What is to be known of a service before its tasks are registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceView {
    /// Its ARN.
    pub arn: String,
    /// Whether its instances make SRV records, which need a port.
    pub needs_port: bool,
    /// Whether its instances make A records.
    pub needs_address: bool,
    /// Whether the health of its instances is told to us.
    pub custom_health: bool,
}

/// The service with this id or ARN.
///
/// # Errors
/// `ServiceNotFound`.
pub fn service(snapshot: &Snapshot, scope: &Scope, raw: &str) -> Result<ServiceView, Error> {
    let service = tables::service(snapshot, scope, raw)?;
    let makes = |kind| service.dns.as_ref().is_some_and(|dns| dns.records.contains_key(&kind));
    Ok(ServiceView {
        arn: service.arn().to_string(),
        needs_port: makes(RecordKind::Srv),
        needs_address: makes(RecordKind::A) || makes(RecordKind::Srv),
        custom_health: service.custom_health,
    })
}

/// Registers an instance, or gives a registered one new attributes.
///
/// # Errors
/// `ServiceNotFound`, or an `InvalidInput` for attributes that do not make the service's records.
pub fn register_instance(snapshot: &Snapshot, txn: Txn, told: &Registration<'_>) -> Result<Txn, Error> {
    let service = tables::service(snapshot, told.scope, told.service)?;
    check(&service, &told.attributes)?;
    let known = snapshot.get::<InstanceRow>(&key![told.scope, service.id, told.instance_id]);
    let mut attributes = told.attributes.clone();
    let initial = match attributes.remove("AWS_INIT_HEALTH_STATUS").as_deref() {
        Some("UNHEALTHY") => InstanceHealth::Unhealthy,
        Some(_) | None => InstanceHealth::Healthy,
    };
    let instance = Instance {
        scope: told.scope.clone(),
        service_id: service.id.clone(),
        id: told.instance_id.to_owned(),
        attributes,
        creator_request_id: told.creator_request_id.clone(),
        health: known.as_ref().map_or(initial, |known| known.health),
        created_at: known.as_ref().map_or(told.now, |known| known.created_at),
    };
    if known.as_ref().is_some_and(|known| known.row.0 == instance) {
        return Ok(txn);
    }
    Ok(touch(txn, &service).put(&InstanceRow(instance)))
}

/// Takes an instance out; one that is not there is left alone.
pub fn deregister_instance(
    snapshot: &Snapshot,
    txn: Txn,
    scope: &Scope,
    service: &str,
    instance_id: &str,
) -> Txn {
    let Ok(service) = tables::service(snapshot, scope, service) else { return txn };
    match snapshot.get::<InstanceRow>(&key![scope, service.id, instance_id]) {
        Some(instance) => touch(txn, &service).delete::<InstanceRow>(&instance.row.key()),
        None => txn,
    }
}

/// Sets the health of an instance whose service has one; any other is left alone.
pub fn set_health(
    snapshot: &Snapshot,
    txn: Txn,
    scope: &Scope,
    service: &str,
    instance_id: &str,
    health: InstanceHealth,
) -> Txn {
    let Ok(service) = tables::service(snapshot, scope, service) else { return txn };
    match snapshot.get::<InstanceRow>(&key![scope, service.id, instance_id]) {
        Some(known) if service.custom_health && known.health != health => {
            let new = Instance { health, ..known.row.0.clone() };
            touch(txn, &service).update(&known, &InstanceRow(new))
        }
        Some(_) | None => txn,
    }
}

/// A change of a service's instances.
fn touch(txn: Txn, service: &Versioned<ServiceRow>) -> Txn {
    let new = Service { revision: service.revision + 1, ..service.row.0.clone() };
    txn.update(service, &ServiceRow(new))
}

fn check(service: &Service, attributes: &BTreeMap<String, String>) -> Result<(), Error> {
    let wrong = |text: String| Err(Error::Input(text));
    if attributes.len() > Instance::ATTRIBUTE_LIMIT {
        return wrong("An instance can have at most 30 attributes.".into());
    }
    let attribute = |name: &str| attributes.get(name).map(String::as_str);
    if let Some(address) = attribute("AWS_INSTANCE_IPV4")
        && address.parse::<Ipv4Addr>().is_err()
    {
        return wrong(format!("The value {address} of AWS_INSTANCE_IPV4 is no IPv4 address."));
    }
    if let Some(port) = attribute("AWS_INSTANCE_PORT")
        && port.parse::<u16>().is_err()
    {
        return wrong(format!("The value {port} of AWS_INSTANCE_PORT is no port."));
    }
    let alias = attribute("AWS_ALIAS_DNS_NAME").is_some();
    for kind in service.dns.iter().flat_map(|dns| dns.records.keys()) {
        let needed: &[&str] = match kind {
            RecordKind::A if alias => &[],
            RecordKind::A => &["AWS_INSTANCE_IPV4"],
            RecordKind::Cname => &["AWS_INSTANCE_CNAME"],
            RecordKind::Srv => &["AWS_INSTANCE_IPV4", "AWS_INSTANCE_PORT"],
        };
        if let Some(missing) = needed.iter().find(|name| attribute(name).is_none()) {
            return wrong(format!("The attribute {missing} is required for the service's DNS records."));
        }
    }
    Ok(())
}

/// What the namespaces of a VPC say of a name; `None` when it lies in none of them.
pub fn resolve(snapshot: &Snapshot, vpc_id: &str, name: &str, ids: &mut dyn IdSource) -> Option<Resolution> {
    let namespaces = snapshot.all_by::<NamespaceRow>(BY_VPC, &key![vpc_id]);
    // The longest name that fits: `a.example.local` may be a namespace beside `example.local`.
    let fits = |it: &Versioned<NamespaceRow>| {
        let rest = name.len().checked_sub(it.name.len()).and_then(|at| name.split_at_checked(at));
        rest.is_some_and(|(head, tail)| {
            tail.eq_ignore_ascii_case(&it.name) && (head.is_empty() || head.ends_with('.'))
        })
    };
    let namespace = namespaces.filter(fits).max_by_key(|it| it.name.len())?;
    let head = name[..name.len() - namespace.name.len()].trim_end_matches('.');
    let NamespaceKind::PrivateDns { soa_ttl, .. } = namespace.kind else { return None };
    if head.is_empty() {
        return Some(Resolution::Records(NameRecords { ttl: soa_ttl, ..NameRecords::default() }));
    }
    if let Some(service) = tables::service_called(snapshot, &namespace, head).filter(|it| it.dns.is_some()) {
        return Some(records(snapshot, &service, &namespace.name, ids));
    }
    // The hosts that SRV records name.
    let (host, service) = head.split_once('.')?;
    let service = tables::service_called(snapshot, &namespace, service).filter(|it| it.dns.is_some());
    let instance = service.and_then(|service| {
        let all = tables::instances_of(snapshot, &service);
        all.into_iter().find(|it| it.id.eq_ignore_ascii_case(host)).and_then(|it| address_of(&it))
    });
    Some(instance.map_or(Resolution::Nothing, |address| {
        Resolution::Records(NameRecords { ttl: MAX_TTL, addresses: vec![address], ..NameRecords::default() })
    }))
}

fn records(snapshot: &Snapshot, service: &Service, namespace: &str, ids: &mut dyn IdSource) -> Resolution {
    let Some(dns) = &service.dns else { return Resolution::Nothing };
    let instances = chosen(snapshot, service, dns.routing, ids);
    if instances.is_empty() {
        return Resolution::Nothing;
    }
    let mut records =
        NameRecords { ttl: dns.records.values().copied().min().unwrap_or(MAX_TTL), ..NameRecords::default() };
    for kind in dns.records.keys() {
        match kind {
            RecordKind::A => records.addresses.extend(instances.iter().flat_map(|it| {
                let alias = it.attribute("AWS_ALIAS_DNS_NAME");
                let balancer = alias
                    .and_then(|name| crate::elbv2::door::addresses_of_name(snapshot, &name.to_lowercase()));
                balancer.unwrap_or_else(|| address_of(it).into_iter().collect())
            })),
            RecordKind::Cname => {
                let named = instances.first().and_then(|it| it.attribute("AWS_INSTANCE_CNAME"));
                records.alias = named.map(str::to_owned);
            }
            RecordKind::Srv => records.services.extend(instances.iter().filter_map(|it| {
                Some(ServiceRecord {
                    priority: 1,
                    weight: 1,
                    port: it.attribute("AWS_INSTANCE_PORT")?.parse().ok()?,
                    target: format!("{}.{}.{namespace}", it.id, service.name),
                    address: address_of(it),
                })
            })),
        }
    }
    Resolution::Records(records)
}

/// The instances that are answered: the healthy ones, or all when none is.
fn chosen(
    snapshot: &Snapshot,
    service: &Service,
    routing: RoutingPolicy,
    ids: &mut dyn IdSource,
) -> Vec<Instance> {
    let all = tables::instances_of(snapshot, service);
    let healthy = all.iter().any(|it| it.health == InstanceHealth::Healthy);
    let mut found: Vec<Instance> = all
        .into_iter()
        .filter(|it| !healthy || it.health == InstanceHealth::Healthy)
        .map(|it| it.row.0.clone())
        .collect();
    let limit = match routing {
        RoutingPolicy::Multivalue => ANSWER_LIMIT,
        RoutingPolicy::Weighted => 1,
    };
    let mut mixed = Vec::new();
    while mixed.len() < limit && !found.is_empty() {
        let mut word = [0; 4];
        ids.fill(&mut word);
        mixed.push(found.swap_remove(u32::from_be_bytes(word) as usize % found.len()));
    }
    mixed
}

fn address_of(instance: &Instance) -> Option<Ipv4Addr> {
    instance.attribute("AWS_INSTANCE_IPV4")?.parse().ok()
}
