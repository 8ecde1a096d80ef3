//! Systems Manager, as far as ECS Exec's clients call it: the sessions that ExecuteCommand has granted.
//!
//! The session-manager-plugin ends its session here when it leaves, and asks for another token after its connection
//! broke. Sessions themselves are `crate::exec`'s.

mod error;
mod ops;
mod wire;

use ::wire::{OperationModel, Violation};

use crate::error::ServiceError;
use crate::room::{Room, op, validation_text};

/// The room.
pub static ROOM: Room = Room {
    service: ::wire::ssm::SERVICE,
    operations: &[
        op::<::wire::ssm::DescribeSessions>(),
        op::<::wire::ssm::ResumeSession>(),
        op::<::wire::ssm::TerminateSession>(),
    ],
    violation,
    unsupported,
};

fn violation(_: &OperationModel, violations: &[Violation]) -> Option<ServiceError> {
    Some(ServiceError::client("ValidationException", validation_text(violations)))
}

/// The answer to an operation that the service has and Longshore does not serve.
fn unsupported(operation: &str) -> ServiceError {
    ServiceError::client("UnknownOperationException", format!("Longshore does not serve {operation}."))
}
