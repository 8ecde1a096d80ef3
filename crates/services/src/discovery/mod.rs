//! Cloud Map: names of services, and the instances behind them.
//!
//! Tasks ask for the names of private namespaces through the resolver in their network, anyone for instances through
//! `DiscoverInstances`. The ecs room registers tasks through [`door`].

pub mod connect;
pub mod door;
pub mod error;
mod namespaces;
mod operations;
mod ops;
mod page;
pub mod store;
mod tags;
#[cfg(test)]
mod tests;
mod wire;

use ::wire::servicediscovery as shapes;
use ::wire::{OperationModel, Violation};

use crate::error::ServiceError;
use crate::room::{Room, op, validation_text};

/// The room.
pub static ROOM: Room = Room {
    service: shapes::SERVICE,
    operations: &[
        op::<shapes::CreateHttpNamespace>(),
        op::<shapes::CreatePrivateDnsNamespace>(),
        op::<shapes::CreatePublicDnsNamespace>(),
        op::<shapes::CreateService>(),
        op::<shapes::DeleteNamespace>(),
        op::<shapes::DeleteService>(),
        op::<shapes::DeleteServiceAttributes>(),
        op::<shapes::DeregisterInstance>(),
        op::<shapes::DiscoverInstances>(),
        op::<shapes::DiscoverInstancesRevision>(),
        op::<shapes::GetInstance>(),
        op::<shapes::GetInstancesHealthStatus>(),
        op::<shapes::GetNamespace>(),
        op::<shapes::GetOperation>(),
        op::<shapes::GetService>(),
        op::<shapes::GetServiceAttributes>(),
        op::<shapes::ListInstances>(),
        op::<shapes::ListNamespaces>(),
        op::<shapes::ListOperations>(),
        op::<shapes::ListServices>(),
        op::<shapes::ListTagsForResource>(),
        op::<shapes::RegisterInstance>(),
        op::<shapes::TagResource>(),
        op::<shapes::UntagResource>(),
        op::<shapes::UpdateHttpNamespace>(),
        op::<shapes::UpdateInstanceCustomHealthStatus>(),
        op::<shapes::UpdatePrivateDnsNamespace>(),
        op::<shapes::UpdatePublicDnsNamespace>(),
        op::<shapes::UpdateService>(),
        op::<shapes::UpdateServiceAttributes>(),
    ],
    violation,
    unsupported,
};

/// Cloud Map answers every broken constraint with the same exception.
fn violation(_: &OperationModel, violations: &[Violation]) -> Option<ServiceError> {
    Some(ServiceError::client("InvalidInput", validation_text(violations)))
}

/// The answer to an operation that the service has and Longshore does not serve.
fn unsupported(operation: &str) -> ServiceError {
    ServiceError::client("UnknownOperationException", format!("Longshore does not serve {operation}."))
}
