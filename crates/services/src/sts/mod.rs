//! STS: who am I, temporary credentials for the same identity, and roles.

mod error;
mod ops;
mod wire;

use ::wire::{OperationModel, Violation};

use crate::error::ServiceError;
use crate::room::{Room, lower_camel, op, validation_text};

/// The room.
pub static ROOM: Room = Room {
    service: ::wire::sts::SERVICE,
    operations: &[
        op::<::wire::sts::AssumeRole>(),
        op::<::wire::sts::GetAccessKeyInfo>(),
        op::<::wire::sts::GetCallerIdentity>(),
        op::<::wire::sts::GetSessionToken>(),
    ],
    violation,
    unsupported,
};

/// STS writes paths in lower camel case, whatever its parameters are called.
fn violation(_: &OperationModel, violations: &[Violation]) -> Option<ServiceError> {
    let lowered: Vec<_> =
        violations.iter().map(|it| Violation { path: lower_camel(&it.path), ..it.clone() }).collect();
    Some(ServiceError::client("ValidationError", validation_text(&lowered)))
}

/// STS's answer to an action that it cannot find.
fn unsupported(operation: &str) -> ServiceError {
    ServiceError::client(
        "InvalidAction",
        format!("Longshore does not serve {operation} of version {}.", ::wire::sts::SERVICE.api_version),
    )
}
