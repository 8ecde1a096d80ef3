//! EC2, as far as networks need it: every scope has a default VPC, and every `awsvpc` task an interface in it.
//!
//! Other rooms call [`default_vpc::ensure`] and the functions of [`interfaces`].

pub mod default_vpc;
mod describe;
pub mod error;
pub mod interfaces;
mod ops;
pub mod store;
pub mod wire;

use ::wire::{OperationModel, Violation};

use crate::error::ServiceError;
use crate::room::{Room, op};

/// The room.
pub static ROOM: Room = Room {
    service: ::wire::ec2::SERVICE,
    operations: &[
        op::<::wire::ec2::DescribeAvailabilityZones>(),
        op::<::wire::ec2::DescribeNetworkInterfaces>(),
        op::<::wire::ec2::DescribeRegions>(),
        op::<::wire::ec2::DescribeSecurityGroups>(),
        op::<::wire::ec2::DescribeSubnets>(),
        op::<::wire::ec2::DescribeVpcs>(),
    ],
    violation,
    unsupported,
};

/// EC2 names the first parameter at fault.
fn violation(_: &OperationModel, violations: &[Violation]) -> Option<ServiceError> {
    let first = violations.first()?;
    let (path, value) = (&first.path, &first.value);
    Some(match first.constraint {
        ::wire::Constraint::Required => {
            ServiceError::client("MissingParameter", format!("The request must contain the parameter {path}"))
        }
        _ => ServiceError::client(
            "InvalidParameterValue",
            format!("Value ({value}) for parameter {path} is invalid. {}", first.constraint),
        ),
    })
}

/// EC2's answer to an action that it knows and does not offer here.
fn unsupported(operation: &str) -> ServiceError {
    ServiceError::client(
        "UnsupportedOperation",
        format!(
            "The operation {operation} is not supported: Longshore serves the part of EC2 that tasks need."
        ),
    )
}

/// Refuses a dry run of an allowed request, as EC2 does.
fn dry_run(asked: Option<bool>) -> Result<(), error::Error> {
    if asked == Some(true) { Err(error::Error::DryRun) } else { Ok(()) }
}
