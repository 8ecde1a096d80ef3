//! One file an operation.

mod create_http_namespace;
mod create_private_dns_namespace;
mod create_public_dns_namespace;
mod create_service;
mod delete_namespace;
mod delete_service;
mod delete_service_attributes;
mod deregister_instance;
mod discover_instances;
mod discover_instances_revision;
mod get_instance;
mod get_instances_health_status;
mod get_namespace;
mod get_operation;
mod get_service;
mod get_service_attributes;
mod list_instances;
mod list_namespaces;
mod list_operations;
mod list_services;
mod list_tags_for_resource;
mod register_instance;
mod tag_resource;
mod untag_resource;
mod update_http_namespace;
mod update_instance_custom_health_status;
mod update_private_dns_namespace;
mod update_public_dns_namespace;
mod update_service;
mod update_service_attributes;

use store::{Snapshot, Versioned};

use super::error::Error;
use super::store::{self as tables, NamespaceRow, ServiceRow};
use crate::context::OpCtx;

/// The namespace and the service with these names.
fn called(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    namespace: &str,
    service: &str,
) -> Result<(Versioned<NamespaceRow>, Versioned<ServiceRow>), Error> {
    let found = tables::namespace_called(snapshot, &ctx.scope, namespace);
    let namespace = found.ok_or_else(|| Error::NamespaceNotFound(namespace.to_owned()))?;
    let found = tables::service_called(snapshot, &namespace, service);
    let service = found.ok_or_else(|| Error::ServiceNotFound(service.to_owned()))?;
    Ok((namespace, service))
}
