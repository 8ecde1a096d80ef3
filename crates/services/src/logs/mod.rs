//! CloudWatch Logs: groups and streams are records here, their events live in `telemetry`.
//!
//! Other crates call the functions of [`door`]: the node's shipper and the sweep.

mod classes;
pub mod delivery;
pub mod door;
pub mod error;
pub mod export;
mod filters;
pub mod live;
mod ops;
mod policies;
pub mod quotas;
mod retention;
mod rules;
mod select;
pub mod store;
mod tags;
mod token;
mod wire;

use ::wire::{OperationModel, Violation};

use crate::error::ServiceError;
use crate::room::{Room, op, validation_text};

/// The room.
pub static ROOM: Room = Room {
    service: ::wire::logs::SERVICE,
    operations: &[
        op::<::wire::logs::CancelExportTask>(),
        op::<::wire::logs::CreateExportTask>(),
        op::<::wire::logs::CreateLogGroup>(),
        op::<::wire::logs::CreateLogStream>(),
        op::<::wire::logs::DeleteLogGroup>(),
        op::<::wire::logs::DeleteLogStream>(),
        op::<::wire::logs::DeleteMetricFilter>(),
        op::<::wire::logs::DeleteResourcePolicy>(),
        op::<::wire::logs::DeleteRetentionPolicy>(),
        op::<::wire::logs::DeleteSubscriptionFilter>(),
        op::<::wire::logs::DescribeExportTasks>(),
        op::<::wire::logs::DescribeLogGroups>(),
        op::<::wire::logs::DescribeLogStreams>(),
        op::<::wire::logs::DescribeMetricFilters>(),
        op::<::wire::logs::DescribeResourcePolicies>(),
        op::<::wire::logs::DescribeSubscriptionFilters>(),
        op::<::wire::logs::FilterLogEvents>(),
        op::<::wire::logs::GetLogEvents>(),
        op::<::wire::logs::ListLogGroups>(),
        op::<::wire::logs::ListTagsForResource>(),
        op::<::wire::logs::ListTagsLogGroup>(),
        op::<::wire::logs::PutLogEvents>(),
        op::<::wire::logs::PutLogGroupDeletionProtection>(),
        op::<::wire::logs::PutMetricFilter>(),
        op::<::wire::logs::PutResourcePolicy>(),
        op::<::wire::logs::PutRetentionPolicy>(),
        op::<::wire::logs::PutSubscriptionFilter>(),
        op::<::wire::logs::StartLiveTail>(),
        op::<::wire::logs::TagLogGroup>(),
        op::<::wire::logs::TagResource>(),
        op::<::wire::logs::TestMetricFilter>(),
        op::<::wire::logs::UntagLogGroup>(),
        op::<::wire::logs::UntagResource>(),
    ],
    violation,
    unsupported,
};

/// The service answers every broken constraint with the same exception.
fn violation(_: &OperationModel, violations: &[Violation]) -> Option<ServiceError> {
    Some(ServiceError::client("InvalidParameterException", validation_text(violations)))
}

/// The answer to an operation that the service has and Longshore does not serve.
fn unsupported(operation: &str) -> ServiceError {
    ServiceError::client("UnknownOperationException", format!("Longshore does not serve {operation}."))
}

#[cfg(test)]
mod tests;
