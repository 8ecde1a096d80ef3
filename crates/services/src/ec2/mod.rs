//! EC2, as far as networks need it: VPCs, subnets, security groups, and an interface for every `awsvpc` task.
//! Every scope has a default VPC from its first use on.
//!
//! Other rooms call [`default_vpc::ensure`] and the functions of [`interfaces`]; `control` calls [`guard::of_node`].

mod authorize;
mod blocks;
pub mod default_vpc;
mod describe;
pub mod error;
mod groups;
pub mod guard;
pub mod interfaces;
pub mod names;
mod ops;
mod permissions;
mod shown;
pub mod store;
pub(crate) mod tags;
pub mod wire;

use ::wire::{OperationModel, Violation};

use crate::error::ServiceError;
use crate::room::{Room, op};

/// The room.
pub static ROOM: Room = Room {
    service: ::wire::ec2::SERVICE,
    operations: &[
        op::<::wire::ec2::AuthorizeSecurityGroupEgress>(),
        op::<::wire::ec2::AuthorizeSecurityGroupIngress>(),
        op::<::wire::ec2::CreateSecurityGroup>(),
        op::<::wire::ec2::CreateSubnet>(),
        op::<::wire::ec2::CreateTags>(),
        op::<::wire::ec2::CreateVpc>(),
        op::<::wire::ec2::DeleteSecurityGroup>(),
        op::<::wire::ec2::DeleteSubnet>(),
        op::<::wire::ec2::DeleteTags>(),
        op::<::wire::ec2::DeleteVpc>(),
        op::<::wire::ec2::DescribeAccountAttributes>(),
        op::<::wire::ec2::DescribeAvailabilityZones>(),
        op::<::wire::ec2::DescribeInternetGateways>(),
        op::<::wire::ec2::DescribeNetworkAcls>(),
        op::<::wire::ec2::DescribeNetworkInterfaces>(),
        op::<::wire::ec2::DescribeRegions>(),
        op::<::wire::ec2::DescribeRouteTables>(),
        op::<::wire::ec2::DescribeSecurityGroupRules>(),
        op::<::wire::ec2::DescribeSecurityGroups>(),
        op::<::wire::ec2::DescribeSubnets>(),
        op::<::wire::ec2::DescribeTags>(),
        op::<::wire::ec2::DescribeVpcAttribute>(),
        op::<::wire::ec2::DescribeVpcs>(),
        op::<::wire::ec2::ModifySecurityGroupRules>(),
        op::<::wire::ec2::ModifySubnetAttribute>(),
        op::<::wire::ec2::ModifyVpcAttribute>(),
        op::<::wire::ec2::RevokeSecurityGroupEgress>(),
        op::<::wire::ec2::RevokeSecurityGroupIngress>(),
        op::<::wire::ec2::UpdateSecurityGroupRuleDescriptionsEgress>(),
        op::<::wire::ec2::UpdateSecurityGroupRuleDescriptionsIngress>(),
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
