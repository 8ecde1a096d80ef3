//! What can go wrong in this room, and the EC2 error codes for it.
//!
//! Codes and texts: the EC2 API reference, "Error codes for the Amazon EC2 API".

use thiserror::Error;

use crate::error::ServiceError;

/// A refused request, or a failure of ours.
#[derive(Debug, Error)]
pub enum Error {
    /// No VPC has this id.
    #[error("The vpc ID '{0}' does not exist")]
    VpcNotFound(String),
    /// No subnet has this id.
    #[error("The subnet ID '{0}' does not exist")]
    SubnetNotFound(String),
    /// No security group has this id.
    #[error("The security group '{0}' does not exist")]
    GroupNotFound(String),
    /// No interface has this id.
    #[error("The networkInterface ID '{0}' does not exist")]
    InterfaceNotFound(String),
    /// Subnets or groups of several VPCs were named together.
    #[error("The subnets and security groups must belong to the same VPC.")]
    MixedVpcs,
    /// Every address of the named subnets is leased.
    #[error(
        "There are not enough free addresses in subnet '{0}' to satisfy the requested number of instances."
    )]
    NoFreeAddress(String),
    /// The machine's address pool has no block left for another VPC.
    #[error("The maximum number of VPCs has been reached: start longshore with a larger --network-pool.")]
    AddressPoolExhausted,
    /// A filter that the operation does not know.
    #[error("The filter '{0}' is invalid")]
    UnknownFilter(String),
    /// A parameter with a value that is not allowed.
    #[error("Value ({value}) for parameter {parameter} is invalid. {reason}")]
    InvalidValue {
        /// The parameter.
        parameter: &'static str,
        /// The value.
        value: String,
        /// What is allowed.
        reason: &'static str,
    },
    /// A region that does not exist here.
    #[error("Invalid region names were specified: {0}")]
    UnknownRegion(String),
    /// An availability zone that does not exist in the region.
    #[error("Invalid availability zone: [{0}]")]
    UnknownZone(String),
    /// The resource is still used by others.
    #[error("{0}")]
    Dependency(String),
    /// The default group of a VPC lives as long as the VPC.
    #[error("the specified group: \"{0}\" name: \"default\" cannot be deleted by a user")]
    DefaultGroup(String),
    /// The VPC has a group of this name.
    #[error("The security group '{name}' already exists for VPC '{vpc_id}'")]
    DuplicateGroup {
        /// The name.
        name: String,
        /// The VPC.
        vpc_id: String,
    },
    /// A VPC's block is too small or too large, or none.
    #[error("The CIDR '{0}' is invalid.")]
    VpcRange(String),
    /// A VPC's block shares addresses with another network.
    #[error("The CIDR '{cidr}' conflicts with {other}: the networks of one Longshore do not overlap.")]
    VpcConflict {
        /// The block.
        cidr: String,
        /// The network it overlaps.
        other: String,
    },
    /// A subnet's block lies outside its VPC, or is too small.
    #[error("The CIDR '{0}' is invalid.")]
    SubnetRange(String),
    /// A subnet's block shares addresses with another subnet.
    #[error("The CIDR '{0}' conflicts with another subnet")]
    SubnetConflict(String),
    /// The group has this rule.
    #[error("the specified rule \"{0}\" already exists")]
    DuplicateRule(String),
    /// The group has no such rule.
    #[error("The specified rule does not exist in this security group.")]
    RuleNotFound,
    /// No rule of the group has this id.
    #[error("The security group rule ID '{0}' does not exist")]
    RuleIdNotFound(String),
    /// A group has as many rules of a direction as it can hold.
    #[error("The maximum number of rules per security group has been reached.")]
    TooManyRules,
    /// No network has a prefix list.
    #[error("The prefix list ID '{0}' does not exist")]
    PrefixListNotFound(String),
    /// No route table has this id.
    #[error("The routeTable ID '{0}' does not exist")]
    RouteTableNotFound(String),
    /// No network ACL has this id.
    #[error("The networkAcl ID '{0}' does not exist")]
    NetworkAclNotFound(String),
    /// No internet gateway has this id.
    #[error("The internetGateway ID '{0}' does not exist")]
    InternetGatewayNotFound(String),
    /// The id is of no resource that can have tags.
    #[error("The ID '{0}' is not valid")]
    InvalidId(String),
    /// A resource has as many tags as it can hold.
    #[error("More than 50 tags specified.")]
    TooManyTags,
    /// The scope has no default VPC, and the caller named none.
    #[error("No default VPC for this user")]
    NoDefaultVpc,
    /// A parameter is absent.
    #[error("The request must contain the parameter {0}")]
    Missing(&'static str),
    /// Parameters that exclude each other.
    #[error("{0}")]
    Combination(&'static str),
    /// A parameter that is refused in words of its own.
    #[error("{0}")]
    Parameter(String),
    /// A feature of EC2 that is not here.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The caller asked only whether the request would be allowed. It would.
    #[error("Request would have succeeded, but DryRun flag is set.")]
    DryRun,
    /// Others kept changing the same records.
    #[error("The request could not be completed because of concurrent changes. Try again.")]
    Contention,
    /// The store failed.
    #[error("An internal error has occurred")]
    Store(#[source] store::Error),
}

impl Error {
    /// EC2's error code.
    pub fn code(&self) -> &'static str {
        match self {
            Error::VpcNotFound(_) => "InvalidVpcID.NotFound",
            Error::SubnetNotFound(_) => "InvalidSubnetID.NotFound",
            Error::GroupNotFound(_) => "InvalidGroup.NotFound",
            Error::InterfaceNotFound(_) => "InvalidNetworkInterfaceID.NotFound",
            Error::MixedVpcs | Error::UnknownFilter(_) | Error::InvalidValue { .. } => {
                "InvalidParameterValue"
            }
            Error::UnknownRegion(_) | Error::UnknownZone(_) => "InvalidParameterValue",
            Error::NoFreeAddress(_) => "InsufficientFreeAddressesInSubnet",
            Error::AddressPoolExhausted => "VpcLimitExceeded",
            Error::Dependency(_) => "DependencyViolation",
            Error::DefaultGroup(_) => "CannotDelete",
            Error::DuplicateGroup { .. } => "InvalidGroup.Duplicate",
            Error::VpcRange(_) => "InvalidVpc.Range",
            Error::VpcConflict { .. } => "CidrConflict",
            Error::SubnetRange(_) => "InvalidSubnet.Range",
            Error::SubnetConflict(_) => "InvalidSubnet.Conflict",
            Error::DuplicateRule(_) => "InvalidPermission.Duplicate",
            Error::RuleNotFound => "InvalidPermission.NotFound",
            Error::RuleIdNotFound(_) => "InvalidSecurityGroupRuleId.NotFound",
            Error::TooManyRules => "RulesPerSecurityGroupLimitExceeded",
            Error::PrefixListNotFound(_) => "InvalidPrefixListID.NotFound",
            Error::RouteTableNotFound(_) => "InvalidRouteTableID.NotFound",
            Error::NetworkAclNotFound(_) => "InvalidNetworkAclID.NotFound",
            Error::InternetGatewayNotFound(_) => "InvalidInternetGatewayID.NotFound",
            Error::InvalidId(_) => "InvalidID",
            Error::TooManyTags => "TagLimitExceeded",
            Error::NoDefaultVpc => "VPCIdNotSpecified",
            Error::Missing(_) => "MissingParameter",
            Error::Combination(_) => "InvalidParameterCombination",
            Error::Parameter(_) => "InvalidParameterValue",
            Error::Unsupported(_) => "UnsupportedOperation",
            Error::DryRun => "DryRunOperation",
            Error::Contention => "RequestLimitExceeded",
            Error::Store(_) => "InternalError",
        }
    }

    /// EC2's HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Error::DryRun => 412,
            Error::Contention => 503,
            Error::Store(_) => 500,
            _client => 400,
        }
    }
}

impl From<Error> for ServiceError {
    fn from(error: Error) -> ServiceError {
        let (code, status, message) = (error.code(), error.status(), error.to_string());
        match error {
            Error::Store(cause) => ServiceError::server(code, message, cause),
            _caller => ServiceError::client(code, message).status(status),
        }
    }
}
