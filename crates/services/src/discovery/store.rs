//! The tables of the discovery room, and the queries over them. Only this room writes them.

use model::Scope;
use model::discovery::{Instance, Namespace, NamespaceKind, Operation, Service};
use store::{Schema, Snapshot, Txn, Versioned, key};

use super::error::Error;
use crate::table::table;

/// Namespaces of all scopes by the VPC in which they are served.
pub(super) const BY_VPC: &str = "by-vpc";
/// Services by namespace.
pub(super) const BY_NAMESPACE: &str = "by-namespace";
/// Operations by the time they happened.
pub(super) const BY_TIME: &str = "by-time";
/// Operations of a scope that are kept.
const OPERATION_LIMIT: usize = 1000;

table! {
    /// Namespaces by scope and id.
    pub(super) NamespaceRow(Namespace) in "discovery/namespace" {
        key(it) => key![it.scope, it.id],
        BY_VPC => match &it.kind {
            NamespaceKind::PrivateDns { vpc_id, .. } => Some(key![vpc_id]),
            NamespaceKind::Http => None,
        },
    }
    /// Services by scope and id.
    pub(super) ServiceRow(Service) in "discovery/service" {
        key(it) => key![it.scope, it.id],
        BY_NAMESPACE => key![it.scope, it.namespace_id],
    }
    /// Instances by service and id.
    pub(super) InstanceRow(Instance) in "discovery/instance" { key(it) => key![it.scope, it.service_id, it.id] }
    /// Operations by scope and id.
    pub(super) OperationRow(Operation) in "discovery/operation" {
        key(it) => key![it.scope, it.id],
        BY_TIME => key![it.scope, it.at, it.id],
    }
}

/// Adds this room's tables.
pub fn tables(schema: Schema) -> Schema {
    schema.table::<NamespaceRow>().table::<ServiceRow>().table::<InstanceRow>().table::<OperationRow>()
}

/// The id in an id or an ARN.
fn id_of<'a>(raw: &'a str, kind: &str) -> &'a str {
    let resource = raw.rsplit_once(':').map_or(raw, |(_, resource)| resource);
    resource.strip_prefix(kind).and_then(|rest| rest.strip_prefix('/')).unwrap_or(resource)
}

/// The namespace with this id or ARN.
pub(super) fn namespace(
    snapshot: &Snapshot,
    scope: &Scope,
    raw: &str,
) -> Result<Versioned<NamespaceRow>, Error> {
    let found = snapshot.get::<NamespaceRow>(&key![scope, id_of(raw, "namespace")]);
    found.ok_or_else(|| Error::NamespaceNotFound(raw.to_owned()))
}

/// The namespace with this name.
pub(super) fn namespace_called(
    snapshot: &Snapshot,
    scope: &Scope,
    name: &str,
) -> Option<Versioned<NamespaceRow>> {
    let mut all = snapshot.all::<NamespaceRow>(&key![scope]);
    all.find(|namespace| namespace.name.eq_ignore_ascii_case(name))
}

/// The service with this id or ARN.
pub(super) fn service(snapshot: &Snapshot, scope: &Scope, raw: &str) -> Result<Versioned<ServiceRow>, Error> {
    let found = snapshot.get::<ServiceRow>(&key![scope, id_of(raw, "service")]);
    found.ok_or_else(|| Error::ServiceNotFound(raw.to_owned()))
}

/// The services of a namespace.
pub(super) fn services_of(snapshot: &Snapshot, namespace: &Namespace) -> Vec<Versioned<ServiceRow>> {
    snapshot.all_by(BY_NAMESPACE, &key![namespace.scope, namespace.id]).collect()
}

/// The service of a namespace with this name.
pub(super) fn service_called(
    snapshot: &Snapshot,
    namespace: &Namespace,
    name: &str,
) -> Option<Versioned<ServiceRow>> {
    services_of(snapshot, namespace).into_iter().find(|service| service.name.eq_ignore_ascii_case(name))
}

/// The instances of a service.
pub(super) fn instances_of(snapshot: &Snapshot, service: &Service) -> Vec<Versioned<InstanceRow>> {
    snapshot.all(&key![service.scope, service.id]).collect()
}

/// How many instances a service has.
pub(super) fn instance_count(snapshot: &Snapshot, service: &Service) -> i32 {
    let count = snapshot.count::<InstanceRow>(&key![service.scope, service.id]);
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Keeps an operation, and lets the oldest of the scope go.
pub(super) fn keep(snapshot: &Snapshot, txn: Txn, operation: Operation) -> Txn {
    let prefix = key![operation.scope];
    let surplus = (snapshot.count::<OperationRow>(&prefix) + 1).saturating_sub(OPERATION_LIMIT).min(2);
    let oldest = snapshot.page_by::<OperationRow>(BY_TIME, &prefix, None, surplus.max(1));
    let gone = oldest.iter().take(surplus);
    gone.fold(txn, |txn, row| txn.delete::<OperationRow>(&key![row.scope, row.id]))
        .insert(&OperationRow(operation))
}
