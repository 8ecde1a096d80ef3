//! Service Connect on the wire.
//!
//! What ECS has and Longshore does not act on is refused here.

use model::ecs::service_connect::{ConnectService, ServiceConnect};
use model::ecs::service_revision::RevisionSpec;
use wire::ecs as shape;

use super::convert::Wire as _;
use crate::ecs::error::Error;

/// The longest name of a service in Cloud Map.
const MOST_DISCOVERY_NAME: usize = 64;
/// The longest name that clients use.
const MOST_ALIAS_NAME: usize = 127;

/// A configuration before its names and ports are looked up.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    /// The namespace, when one is named.
    pub namespace: Option<String>,
    /// The services, with neither port nor ARN.
    pub services: Vec<ConnectService>,
}

fn invalid(text: impl Into<String>) -> Error {
    Error::InvalidParameter(text.into())
}

/// Whether a configuration says that Service Connect is off.
pub(crate) fn is_off(given: Option<&shape::ServiceConnectConfiguration>) -> bool {
    given.is_some_and(|given| !given.enabled)
}

/// Reads a configuration.
pub(crate) fn read(given: &shape::ServiceConnectConfiguration) -> Result<Read, Error> {
    let refused = [
        (given.log_configuration.is_some(), "Log configurations of Service Connect"),
        (given.access_log_configuration.is_some(), "Access logs of Service Connect"),
        (
            given.container_configurations.as_ref().is_some_and(|it| !it.is_empty()),
            "Container configurations of Service Connect",
        ),
    ];
    refuse(&refused)?;
    let services = given.services.iter().flatten().map(service).collect::<Result<Vec<_>, _>>()?;
    let namespace = given.namespace.clone().filter(|namespace| !namespace.is_empty());
    Ok(Read { namespace, services })
}

fn refuse(asked: &[(bool, &str)]) -> Result<(), Error> {
    match asked.iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(Error::UnsupportedFeature(format!("{what} are not supported."))),
        None => Ok(()),
    }
}

fn service(given: &shape::ServiceConnectService) -> Result<ConnectService, Error> {
    refuse(&[
        (given.tls.is_some(), "TLS configurations of Service Connect"),
        (given.ingress_port_override.is_some(), "Overrides of ingress ports"),
    ])?;
    if given.port_name.is_empty() {
        return Err(invalid("portName cannot be empty."));
    }
    let given_discovery_name = given.discovery_name.clone().filter(|name| !name.is_empty());
    let discovery_name = given_discovery_name.clone().unwrap_or_else(|| given.port_name.clone());
    if !is_name(&discovery_name, MOST_DISCOVERY_NAME, "_-") {
        return Err(invalid(format!(
            "The discovery name '{discovery_name}' may have 64 lower-case letters, digits, underscores and hyphens, and \
             may not begin with a hyphen."
        )));
    }
    let [alias] = given.client_aliases.as_deref().unwrap_or_default() else {
        return Err(invalid("Each service of Service Connect has exactly one client alias."));
    };
    refuse(&[(alias.test_traffic_rules.is_some(), "Test traffic rules of Service Connect")])?;
    let given_alias_name = alias.dns_name.clone().filter(|name| !name.is_empty());
    if let Some(name) = given_alias_name.as_deref().filter(|name| !is_name(name, MOST_ALIAS_NAME, "_-.")) {
        return Err(invalid(format!(
            "The dnsName '{name}' may have 127 lower-case letters, digits, underscores, hyphens and periods, and may \
             not begin with a hyphen."
        )));
    }
    let alias_port = u16::try_from(alias.port).ok().filter(|port| *port > 0);
    let alias_port = alias_port.ok_or_else(|| invalid(format!("Invalid port {}.", alias.port)))?;
    let timeout = given.timeout.clone().unwrap_or_default();
    Ok(ConnectService {
        port_name: given.port_name.clone(),
        container_port: 0,
        protocol: None,
        given_discovery_name,
        discovery_name,
        discovery_arn: String::new(),
        alias_port,
        given_alias_name,
        idle_timeout_seconds: seconds("idleTimeoutSeconds", timeout.idle_timeout_seconds)?,
        request_timeout_seconds: seconds("perRequestTimeoutSeconds", timeout.per_request_timeout_seconds)?,
    })
}

fn seconds(member: &str, given: Option<i32>) -> Result<Option<u32>, Error> {
    given.map(|raw| super::service::count(member, raw)).transpose()
}

fn is_name(name: &str, most: usize, more: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c);
    !name.is_empty() && name.len() <= most && !name.starts_with('-') && name.chars().all(allowed)
}

/// Writes a revision's configuration as it was given.
pub(crate) fn write(revision: &RevisionSpec) -> Option<shape::ServiceConnectConfiguration> {
    let Some(connect) = &revision.service_connect else {
        let off = shape::ServiceConnectConfiguration { enabled: false, ..Default::default() };
        return revision.is_service_connect_off.then_some(off);
    };
    Some(shape::ServiceConnectConfiguration {
        enabled: true,
        namespace: Some(connect.namespace.clone()),
        services: Some(connect.services.iter().map(write_service).collect()),
        ..Default::default()
    })
}

fn write_service(it: &ConnectService) -> shape::ServiceConnectService {
    let timeout = shape::TimeoutConfiguration {
        idle_timeout_seconds: it.idle_timeout_seconds.into_wire(),
        per_request_timeout_seconds: it.request_timeout_seconds.into_wire(),
    };
    let is_silent = it.idle_timeout_seconds.is_none() && it.request_timeout_seconds.is_none();
    shape::ServiceConnectService {
        port_name: it.port_name.clone(),
        discovery_name: it.given_discovery_name.clone(),
        client_aliases: Some(vec![shape::ServiceConnectClientAlias {
            port: i32::from(it.alias_port),
            dns_name: it.given_alias_name.clone(),
            test_traffic_rules: None,
        }]),
        timeout: (!is_silent).then_some(timeout),
        ..Default::default()
    }
}

/// Writes what a revision has in Cloud Map.
pub(crate) fn write_resources(revision: &RevisionSpec) -> Option<Vec<shape::ServiceConnectServiceResource>> {
    let write = |connect: &ServiceConnect| {
        let resource = |it: &ConnectService| shape::ServiceConnectServiceResource {
            discovery_name: Some(it.discovery_name.clone()),
            discovery_arn: Some(it.discovery_arn.clone()),
        };
        connect.services.iter().map(resource).collect()
    };
    revision.service_connect.as_ref().map(write)
}
