//! Service Connect: what a service asks for, what it becomes in Cloud Map, and what tasks can connect to.
//!
//! Endpoints are fixed at the start of a deployment: tasks of older deployments do not see newer ones, as on ECS. What
//! is behind an endpoint changes as tasks come and go. `wire/service_connect.rs` reads and writes the shapes.
//! Deviation: tasks have their own proxy on one node with the control plane; other network modes than `awsvpc` are
//! refused, and so are TLS, logs of the proxy, `ingressPortOverride` and test traffic rules.

use std::collections::BTreeSet;

use model::Scope;
use model::ecs::service_connect::{ConnectService, Endpoint, MOST_ENDPOINTS, ServiceConnect};
use model::ecs::service_revision::RevisionSpec;
use model::ecs::task_definition::{NetworkMode, TaskDefinition};
use model::ecs::{Cluster, Service, ServiceName, Task};
use store::{Snapshot, Txn, Versioned, key};
use wire::ecs as shape;

use super::error::Error;
use super::store::{
    BY_NAMESPACE, CONNECTED, ServiceRevisionRow, ServiceRow, TaskRow, service_revision, task_definition,
};
use super::wire::service_connect as shapes;
use crate::context::OpCtx;
use crate::discovery::connect as discovery;

pub(crate) use super::wire::service_connect::{is_off, write, write_resources};

/// What a configuration is read for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The service's cluster.
    pub cluster: &'a Cluster,
    /// The service.
    pub service: &'a ServiceName,
    /// The definition of its tasks.
    pub definition: &'a TaskDefinition,
}

/// A task with its own proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxied {
    /// The task's id.
    pub task_id: String,
    /// Where it lives.
    pub scope: Scope,
    /// What it can connect to.
    pub endpoints: Vec<Endpoint>,
}

fn invalid(text: impl Into<String>) -> Error {
    Error::InvalidParameter(text.into())
}

/// Reads a configuration, and adds to `txn` what Cloud Map needs for it.
pub(crate) fn read(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    txn: Txn,
    asked: &Asked<'_>,
    given: Option<&shape::ServiceConnectConfiguration>,
) -> Result<(Txn, Option<ServiceConnect>), Error> {
    let Some(given) = given.filter(|given| given.enabled) else { return Ok((txn, None)) };
    let read = shapes::read(given)?;
    if asked.definition.spec.effective_network_mode() != NetworkMode::Awsvpc {
        return Err(Error::UnsupportedFeature(
            "Service Connect for network modes other than awsvpc is not supported.".into(),
        ));
    }
    let named = read.namespace.as_deref().or(asked.cluster.namespace.as_deref());
    let named = named.ok_or_else(|| {
        invalid("Service Connect needs a namespace: neither the service nor the cluster names one.")
    })?;
    let namespace =
        discovery::namespace(snapshot, &ctx.scope, named).ok_or_else(|| Error::NamespaceNotFound)?;
    let mut connect =
        ServiceConnect { namespace: namespace.arn, namespace_name: namespace.name, services: read.services };
    resolve_ports(&mut connect, asked.definition)?;
    check_names(snapshot, &ctx.scope, asked, &connect)?;
    let txn = in_cloud_map(ctx, snapshot, txn, &mut connect)?;
    Ok((txn, Some(connect)))
}

/// Brings a revision's configuration to what an UpdateService asks for, and to its task definition.
pub(crate) fn update(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    txn: Txn,
    cluster: &Cluster,
    service: &Service,
    revision: &mut RevisionSpec,
    input: &shape::UpdateServiceRequest,
) -> Result<Txn, Error> {
    let given = input.service_connect_configuration.as_ref();
    if given.is_none() && revision.service_connect.is_none() {
        return Ok(txn);
    }
    let definition = task_definition(snapshot, &ctx.scope, &revision.definition);
    let definition = definition.ok_or_else(|| Error::Client("TaskDefinition not found.".into()))?;
    if given.is_none() {
        if let Some(connect) = &mut revision.service_connect {
            resolve_ports(connect, &definition)?;
        }
        return Ok(txn);
    }
    let asked = Asked { cluster, service: &service.name, definition: &definition };
    let (txn, connect) = read(ctx, snapshot, txn, &asked, given)?;
    revision.is_service_connect_off = is_off(given);
    revision.service_connect = connect;
    Ok(txn)
}

/// The namespace that a cluster is to have as its default: the one that is named, made when there is none; none for
/// an empty name.
pub(crate) fn default_namespace(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    txn: Txn,
    given: &shape::ClusterServiceConnectDefaultsRequest,
) -> Result<(Txn, Option<String>), Error> {
    let raw = given.namespace.as_str();
    if raw.is_empty() {
        return Ok((txn, None));
    }
    if let Some(found) = discovery::namespace(snapshot, &ctx.scope, raw) {
        return Ok((txn, Some(found.arn)));
    }
    if raw.starts_with("arn:") {
        return Err(Error::NamespaceNotFound);
    }
    if raw.chars().count() > 1024 || raw.contains(['<', '>', '"', '/']) {
        return Err(invalid(format!("Invalid namespace name: {raw}")));
    }
    let (txn, made) = ctx.ids.with(|ids| discovery::make_namespace(txn, &ctx.scope, raw, ctx.now, ids));
    Ok((txn, Some(made.arn)))
}

/// Finds the ports that are meant by their names.
fn resolve_ports(connect: &mut ServiceConnect, definition: &TaskDefinition) -> Result<(), Error> {
    let containers = definition.spec.container_definitions.iter();
    let mappings: Vec<_> = containers.flat_map(|container| &container.port_mappings).collect();
    for service in &mut connect.services {
        let named = |name: &Option<String>| name.as_deref() == Some(service.port_name.as_str());
        let mapping = mappings.iter().find(|mapping| named(&mapping.name));
        let port = mapping.and_then(|mapping| mapping.container_port);
        let (Some(mapping), Some(port)) = (mapping, port) else {
            return Err(invalid(format!(
                "The portName '{}' is not the name of a port mapping of the task definition.",
                service.port_name
            )));
        };
        (service.container_port, service.protocol) = (port, mapping.app_protocol);
        if service.protocol.is_none() && service.request_timeout_seconds.is_some() {
            return Err(invalid("perRequestTimeout needs an appProtocol of HTTP, HTTP2 or GRPC."));
        }
    }
    Ok(())
}

/// The services that have Service Connect on in a namespace.
pub(crate) fn members(
    snapshot: &Snapshot,
    scope: &Scope,
    namespace: &str,
) -> impl Iterator<Item = Versioned<ServiceRow>> {
    snapshot.all_by::<ServiceRow>(BY_NAMESPACE, &key![scope, namespace]).collect::<Vec<_>>().into_iter()
}

fn connect_of(snapshot: &Snapshot, service: &Service) -> Option<ServiceConnect> {
    service_revision(snapshot, service, &service.primary().id)?.spec.service_connect.clone()
}

/// Names are unique in a namespace: those of Cloud Map's services, and each pair of a client's name and port.
fn check_names(
    snapshot: &Snapshot,
    scope: &Scope,
    asked: &Asked<'_>,
    connect: &ServiceConnect,
) -> Result<(), Error> {
    let is_own = |it: &Service| it.cluster == asked.cluster.name && it.name == *asked.service;
    let others = members(snapshot, scope, &connect.namespace).filter(|it| !is_own(it));
    let others: Vec<_> = others.filter_map(|it| connect_of(snapshot, &it)).collect();
    let mut names: BTreeSet<String> =
        others.iter().flat_map(|it| &it.services).map(|it| it.discovery_name.clone()).collect();
    let mut endpoints: BTreeSet<(String, u16)> =
        others.iter().flat_map(ServiceConnect::endpoints).map(|it| (it.name, it.port)).collect();
    for service in &connect.services {
        let name = &service.discovery_name;
        if !names.insert(name.clone()) {
            return Err(invalid(format!("The discovery name '{name}' is already in use in the namespace.")));
        }
        let found = discovery::service_called(snapshot, scope, &connect.namespace, name);
        if found.is_some_and(|(_, has_dns)| has_dns) {
            return Err(invalid(format!(
                "The discovery name '{name}' is a service with DNS records in the namespace."
            )));
        }
    }
    for endpoint in connect.endpoints() {
        let (name, port) = (endpoint.name, endpoint.port);
        if !endpoints.insert((name.clone(), port)) {
            return Err(invalid(format!(
                "The client alias '{name}:{port}' is already in use in the namespace."
            )));
        }
    }
    Ok(())
}

/// Finds or makes the services of Cloud Map.
fn in_cloud_map(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    txn: Txn,
    connect: &mut ServiceConnect,
) -> Result<Txn, Error> {
    for service in &mut connect.services {
        let found =
            discovery::service_called(snapshot, &ctx.scope, &connect.namespace, &service.discovery_name);
        service.discovery_arn = found.map(|(arn, _)| arn).unwrap_or_default();
    }
    let is_new = |it: &&mut ConnectService| it.discovery_arn.is_empty();
    let names: Vec<String> =
        connect.services.iter_mut().filter(is_new).map(|it| it.discovery_name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (txn, arns) = ctx.ids.with(|ids| {
        discovery::make_services(snapshot, txn, &ctx.scope, &connect.namespace, &names, (ctx.now, ids))
    });
    connect.services.iter_mut().filter(is_new).zip(arns).for_each(|(it, arn)| it.discovery_arn = arn);
    Ok(txn)
}

/// What tasks of a new deployment can connect to: the service's own endpoints and those of its namespace.
pub(crate) fn endpoints(snapshot: &Snapshot, service: &Service, spec: &RevisionSpec) -> Vec<Endpoint> {
    let Some(connect) = &spec.service_connect else { return Vec::new() };
    let is_own = |it: &Service| it.cluster == service.cluster && it.name == service.name;
    let others = members(snapshot, &service.scope, &connect.namespace).filter(|it| !is_own(it));
    let others = others.filter_map(|it| connect_of(snapshot, &it));
    let mut all: Vec<Endpoint> =
        others.flat_map(|it| it.endpoints().collect::<Vec<_>>()).chain(connect.endpoints()).collect();
    all.sort_by(|a, b| (&a.name, a.port).cmp(&(&b.name, b.port)));
    all.truncate(MOST_ENDPOINTS);
    all
}

/// Adds to `txn` the end of a deleted service's entries in Cloud Map that have no instance. The others end with their
/// last task.
pub(crate) fn leave(snapshot: &Snapshot, txn: Txn, service: &Service) -> Txn {
    let connect = connect_of(snapshot, service);
    let arns = connect.iter().flat_map(|connect| &connect.services).map(|it| &it.discovery_arn);
    let empty = arns.filter(|arn| discovery::instances(snapshot, &service.scope, arn).is_empty());
    empty.fold(txn, |txn, arn| discovery::deregister_last(snapshot, txn, &service.scope, arn, ""))
}

/// The revision of a service that a task was made from.
pub(crate) fn revision_of(snapshot: &Snapshot, task: &Task) -> Option<Versioned<ServiceRevisionRow>> {
    let service = task.spec.service.as_ref()?;
    let revision = task.spec.started_by.as_deref()?.strip_prefix("ecs-svc/")?;
    snapshot.get(&key![task.scope, task.cluster.as_str(), service.as_str(), revision])
}

/// What a task can connect to.
pub fn endpoints_of(snapshot: &Snapshot, task: &Task) -> Vec<Endpoint> {
    let revision = task.spec.connects.then(|| revision_of(snapshot, task)).flatten();
    revision.map(|revision| revision.endpoints.clone()).unwrap_or_default()
}

/// Every task that has not ended and has endpoints.
pub fn proxied(snapshot: &Snapshot) -> Vec<Proxied> {
    let tasks = snapshot.all_by::<TaskRow>(CONNECTED, &key![]).filter(|task| task.node.is_some());
    let proxied = tasks.map(|task| Proxied {
        task_id: task.id.to_string(),
        scope: task.scope.clone(),
        endpoints: endpoints_of(snapshot, &task),
    });
    proxied.filter(|it| !it.endpoints.is_empty()).collect()
}

/// Whether any task has Service Connect on.
pub fn is_used(snapshot: &Snapshot) -> bool {
    snapshot.all_by::<TaskRow>(CONNECTED, &key![]).next().is_some()
}
