//! Service discovery of services: their tasks are instances of Cloud Map services while they run, those that the user
//! names and those that Service Connect has.
//!
//! A task is registered in the commit that sees it RUNNING and taken out in the one that sees it leave, so that a
//! name never outlives its task. Which registry is meant stands in the task's service revision.

use std::collections::BTreeMap;

use ::store::{Snapshot, Txn};
use model::discovery::InstanceHealth;
use model::ecs::service::ServiceStatus;
use model::ecs::service_revision::{RevisionSpec, ServiceRegistry};
use model::ecs::status::HealthStatus;
use model::ecs::task_definition::NetworkMode;
use model::ecs::{LastStatus, Task, TaskDefinition};
use model::{Scope, Timestamp};
use wire::ecs as shape;

use super::error::Error;
use super::{connect, store};
use crate::discovery::connect as discovery;
use crate::discovery::door::{self, Registration};

/// Reads the registries of a request; ECS takes one.
pub(crate) fn read(given: &[shape::ServiceRegistry]) -> Result<Vec<ServiceRegistry>, Error> {
    if given.len() > 1 {
        return Err(Error::InvalidParameter("A service can have at most one service registry.".into()));
    }
    let port = |port: Option<i32>| {
        port.map(|port| {
            u16::try_from(port).map_err(|_| Error::InvalidParameter(format!("Invalid port {port}.")))
        })
        .transpose()
    };
    given
        .iter()
        .map(|it| {
            let arn = it.registry_arn.clone().filter(|arn| !arn.is_empty());
            let arn = arn.ok_or_else(|| Error::InvalidParameter("registryArn cannot be empty.".into()))?;
            Ok(ServiceRegistry {
                registry_arn: arn,
                port: port(it.port)?,
                container_name: it.container_name.clone().filter(|name| !name.is_empty()),
                container_port: port(it.container_port)?,
            })
        })
        .collect()
}

/// Registries on the wire.
pub(crate) fn write(registries: &[ServiceRegistry]) -> Vec<shape::ServiceRegistry> {
    let write = |it: &ServiceRegistry| shape::ServiceRegistry {
        registry_arn: Some(it.registry_arn.clone()),
        port: it.port.map(i32::from),
        container_name: it.container_name.clone(),
        container_port: it.container_port.map(i32::from),
    };
    registries.iter().map(write).collect()
}

/// Checks the registries of a revision against Cloud Map and the containers of the definition.
pub(crate) fn check(
    snapshot: &Snapshot,
    scope: &Scope,
    revision: &RevisionSpec,
    definition: &TaskDefinition,
) -> Result<(), Error> {
    let refuse = |text: String| Err(Error::InvalidParameter(text));
    for registry in &revision.registries {
        let Ok(service) = door::service(snapshot, scope, &registry.registry_arn) else {
            return refuse(format!("The service registry {} does not exist.", registry.registry_arn));
        };
        // Deviation: tasks without an interface of their own are not registered.
        if definition.spec.network_mode != Some(NetworkMode::Awsvpc) {
            return refuse("Service registries need the network mode awsvpc.".into());
        }
        if registry.port.is_some() && registry.container_name.is_some() {
            return refuse("A service registry has a port or a container, not both.".into());
        }
        if registry.container_name.is_some() != registry.container_port.is_some() {
            return refuse("containerName and containerPort of a service registry go together.".into());
        }
        if let (Some(name), Some(_)) = (&registry.container_name, registry.container_port) {
            let container = definition.container(name);
            let has = container.is_some_and(|it| {
                it.port_mappings.iter().any(|mapping| mapping.container_port == registry.container_port)
            });
            if !has {
                return refuse(format!("The container {name} does not have the service registry's port."));
            }
        }
        if service.needs_port && registry.port.or(registry.container_port).is_none() {
            return refuse("SRV records need the port of the service registry.".into());
        }
    }
    Ok(())
}

/// What follows from a task's new status for its entries in Cloud Map.
pub(crate) fn follow(snapshot: &Snapshot, txn: Txn, before: &Task, after: &Task, now: Timestamp) -> Txn {
    let Some(revision) = connect::revision_of(snapshot, after) else { return txn };
    let txn = revision.spec.registries.iter().fold(txn, |txn, registry| {
        let port = registry.port.or(registry.container_port);
        let entry = Entry { service: &registry.registry_arn, port, is_ours: false };
        entry.follow(snapshot, txn, (before, after), now)
    });
    let connected = revision.spec.service_connect.iter().flat_map(|connect| &connect.services);
    connected.fold(txn, |txn, service| {
        let entry =
            Entry { service: &service.discovery_arn, port: Some(service.container_port), is_ours: true };
        entry.follow(snapshot, txn, (before, after), now)
    })
}

/// A task's entry in a service of Cloud Map.
struct Entry<'a> {
    /// The ARN of the service.
    service: &'a str,
    /// The task's port.
    port: Option<u16>,
    /// Whether the service was made for Service Connect, and ends with the ECS service.
    is_ours: bool,
}

impl Entry<'_> {
    fn follow(&self, snapshot: &Snapshot, txn: Txn, (before, after): (&Task, &Task), now: Timestamp) -> Txn {
        let (id, scope) = (after.id.as_str(), &after.scope);
        if after.seen.last_status > LastStatus::Running {
            return match self.is_ours && is_deleted(snapshot, after) {
                true => discovery::deregister_last(snapshot, txn, scope, self.service, id),
                false => door::deregister_instance(snapshot, txn, scope, self.service, id),
            };
        }
        if after.seen.last_status != LastStatus::Running {
            return txn;
        }
        let health = match after.health_status() {
            HealthStatus::Unhealthy => InstanceHealth::Unhealthy,
            HealthStatus::Healthy | HealthStatus::Unknown => InstanceHealth::Healthy,
        };
        if before.seen.last_status == LastStatus::Running {
            return door::set_health(snapshot, txn, scope, self.service, id, health);
        }
        let told = Registration {
            scope,
            service: self.service,
            instance_id: id,
            attributes: attributes(snapshot, after, self.port),
            creator_request_id: None,
            now,
        };
        match door::register_instance(snapshot, txn.clone(), &told) {
            Ok(txn) => txn,
            // The service is gone, or its records want what the task does not have: the task runs all the same.
            Err(error) => {
                tracing::warn!(
                    task = id,
                    error = &error as &dyn std::error::Error,
                    "a task is not registered"
                );
                txn
            }
        }
    }
}

/// Whether the service of a task is deleted.
fn is_deleted(snapshot: &Snapshot, task: &Task) -> bool {
    let found = task.spec.service.as_ref();
    let found = found.and_then(|name| store::service(snapshot, &task.scope, &task.cluster, name));
    found.is_none_or(|service| service.status != ServiceStatus::Active)
}

/// What somebody else calls the task set that a task belongs to.
fn external_id(snapshot: &Snapshot, task: &Task) -> Option<String> {
    let owner = store::service(snapshot, &task.scope, &task.cluster, task.spec.service.as_ref()?)?;
    let set = owner.task_sets.iter().find(|set| task.spec.started_by.as_ref() == Some(&set.id()))?;
    set.external_id.clone()
}

/// The attributes under which ECS registers a task.
fn attributes(snapshot: &Snapshot, task: &Task, port: Option<u16>) -> BTreeMap<String, String> {
    let details = task.attachments.iter().flat_map(|attachment| &attachment.details);
    let address = details.filter(|it| it.name == "privateIPv4Address").map(|it| it.value.clone()).next();
    let all = [
        ("AWS_INSTANCE_IPV4", address),
        ("AWS_INSTANCE_PORT", port.map(|port| port.to_string())),
        ("AVAILABILITY_ZONE", task.seen.availability_zone.clone()),
        ("ECS_CLUSTER_NAME", Some(task.cluster.to_string())),
        ("ECS_SERVICE_NAME", task.spec.service.as_ref().map(ToString::to_string)),
        ("ECS_TASK_DEFINITION_FAMILY", Some(task.spec.definition.family.to_string())),
        ("ECS_TASK_SET_EXTERNAL_ID", external_id(snapshot, task)),
        ("REGION", Some(task.scope.region.to_string())),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
