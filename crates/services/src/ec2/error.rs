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
