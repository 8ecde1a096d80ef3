//! Elastic Load Balancing v2: load balancers, listeners, rules, target groups and their targets.
//!
//! The room keeps what is wanted. `control::routes` hands it to the data plane as one snapshot and brings back
//! what the data plane sees of targets and listeners; the ecs room registers its tasks through [`door`].

pub mod door;
pub mod error;
mod find;
mod forwarding;
pub mod notice;
mod ops;
mod page;
mod placement;
mod rules;
pub(crate) mod store;
mod targets;
mod tls;
pub mod traffic;
mod wire;

#[cfg(test)]
mod tests;

use ::wire::elbv2 as shapes;
use ::wire::{OperationModel, Violation};

use crate::error::ServiceError;
use crate::room::{Room, lower_camel, op, validation_text};

/// The room.
pub static ROOM: Room = Room {
    service: shapes::SERVICE,
    operations: &[
        op::<shapes::AddListenerCertificates>(),
        op::<shapes::AddTags>(),
        op::<shapes::CreateListener>(),
        op::<shapes::CreateLoadBalancer>(),
        op::<shapes::CreateRule>(),
        op::<shapes::CreateTargetGroup>(),
        op::<shapes::DeleteListener>(),
        op::<shapes::DeleteLoadBalancer>(),
        op::<shapes::DeleteRule>(),
        op::<shapes::DeleteTargetGroup>(),
        op::<shapes::DeregisterTargets>(),
        op::<shapes::DescribeAccountLimits>(),
        op::<shapes::DescribeCapacityReservation>(),
        op::<shapes::DescribeListenerAttributes>(),
        op::<shapes::DescribeListenerCertificates>(),
        op::<shapes::DescribeListeners>(),
        op::<shapes::DescribeLoadBalancerAttributes>(),
        op::<shapes::DescribeLoadBalancers>(),
        op::<shapes::DescribeRules>(),
        op::<shapes::DescribeSSLPolicies>(),
        op::<shapes::DescribeTags>(),
        op::<shapes::DescribeTargetGroupAttributes>(),
        op::<shapes::DescribeTargetGroups>(),
        op::<shapes::DescribeTargetHealth>(),
        op::<shapes::ModifyListener>(),
        op::<shapes::ModifyListenerAttributes>(),
        op::<shapes::ModifyLoadBalancerAttributes>(),
        op::<shapes::ModifyRule>(),
        op::<shapes::ModifyTargetGroup>(),
        op::<shapes::ModifyTargetGroupAttributes>(),
        op::<shapes::RegisterTargets>(),
        op::<shapes::RemoveListenerCertificates>(),
        op::<shapes::RemoveTags>(),
        op::<shapes::SetIpAddressType>(),
        op::<shapes::SetRulePriorities>(),
        op::<shapes::SetSecurityGroups>(),
        op::<shapes::SetSubnets>(),
    ],
    violation,
    unsupported,
};

/// ELB writes paths in lower camel case, whatever its parameters are called.
fn violation(_: &OperationModel, violations: &[Violation]) -> Option<ServiceError> {
    let lowered: Vec<_> =
        violations.iter().map(|it| Violation { path: lower_camel(&it.path), ..it.clone() }).collect();
    Some(ServiceError::client("ValidationError", validation_text(&lowered)))
}

/// ELB's answer to an action that it cannot find.
fn unsupported(operation: &str) -> ServiceError {
    ServiceError::client(
        "InvalidAction",
        format!("Longshore does not serve {operation} of version {}.", shapes::SERVICE.api_version),
    )
}
