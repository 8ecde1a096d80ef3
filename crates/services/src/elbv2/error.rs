//! What can go wrong in this room, and ELB's error codes for it.
//!
//! All of the caller's errors are HTTP 400. The texts are ELB's own where they are known.

use thiserror::Error;

use crate::ec2;
use crate::error::ServiceError;

/// ELB's name for an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A parameter is not valid.
    Validation,
    /// A load balancer does not exist.
    LoadBalancerNotFound,
    /// A target group does not exist.
    TargetGroupNotFound,
    /// A listener does not exist.
    ListenerNotFound,
    /// A rule does not exist.
    RuleNotFound,
    /// A certificate does not exist.
    CertificateNotFound,
    /// A TLS policy does not exist here.
    SslPolicyNotFound,
    /// A subnet does not exist.
    SubnetNotFound,
    /// A subnet does not fit.
    InvalidSubnet,
    /// A security group does not exist or does not fit.
    InvalidSecurityGroup,
    /// A target does not fit.
    InvalidTarget,
    /// An action is not served or not valid.
    InvalidLoadBalancerAction,
    /// The configuration is not possible here.
    InvalidConfigurationRequest,
    /// A listener and a target group speak different protocols.
    IncompatibleProtocols,
    /// A protocol is not served.
    UnsupportedProtocol,
    /// The ALPN policy is not one.
    AlpnPolicyNotFound,
    /// A name is taken.
    DuplicateLoadBalancerName,
    /// A name is taken.
    DuplicateTargetGroupName,
    /// A port is taken.
    DuplicateListener,
    /// A tag was named twice.
    DuplicateTagKeys,
    /// A priority is taken.
    PriorityInUse,
    /// Something still refers to it.
    ResourceInUse,
    /// A protected resource or the default rule.
    OperationNotPermitted,
    /// A target group would belong to two load balancers.
    TargetGroupAssociationLimit,
    /// A quota.
    TooManyLoadBalancers,
    /// A quota.
    TooManyTargetGroups,
    /// A quota.
    TooManyListeners,
    /// A quota.
    TooManyRules,
    /// A quota.
    TooManyTargets,
    /// A quota.
    TooManyCertificates,
    /// A quota.
    TooManyActions,
    /// A quota.
    TooManyTags,
    /// A quota.
    TooManyUniqueTargetGroupsPerLoadBalancer,
}

/// A refused request, or a failure of ours.
#[derive(Debug, Error)]
pub enum Error {
    /// The caller's.
    #[error("{message}")]
    Client {
        /// ELB's name for it.
        code: Code,
        /// For the caller.
        message: String,
    },
    /// The store failed; conflicts never get further than the runner.
    #[error("An internal error has occurred")]
    Store(#[source] store::Error),
}

impl Code {
    /// As the answer spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Validation => "ValidationError",
            Code::LoadBalancerNotFound => "LoadBalancerNotFound",
            Code::TargetGroupNotFound => "TargetGroupNotFound",
            Code::ListenerNotFound => "ListenerNotFound",
            Code::RuleNotFound => "RuleNotFound",
            Code::CertificateNotFound => "CertificateNotFound",
            Code::SslPolicyNotFound => "SSLPolicyNotFound",
            Code::SubnetNotFound => "SubnetNotFound",
            Code::InvalidSubnet => "InvalidSubnet",
            Code::InvalidSecurityGroup => "InvalidSecurityGroup",
            Code::InvalidTarget => "InvalidTarget",
            Code::InvalidLoadBalancerAction => "InvalidLoadBalancerAction",
            Code::InvalidConfigurationRequest => "InvalidConfigurationRequest",
            Code::IncompatibleProtocols => "IncompatibleProtocols",
            Code::UnsupportedProtocol => "UnsupportedProtocol",
            Code::AlpnPolicyNotFound => "ALPNPolicyNotFound",
            Code::DuplicateLoadBalancerName => "DuplicateLoadBalancerName",
            Code::DuplicateTargetGroupName => "DuplicateTargetGroupName",
            Code::DuplicateListener => "DuplicateListener",
            Code::DuplicateTagKeys => "DuplicateTagKeys",
            Code::PriorityInUse => "PriorityInUse",
            Code::ResourceInUse => "ResourceInUse",
            Code::OperationNotPermitted => "OperationNotPermitted",
            Code::TargetGroupAssociationLimit => "TargetGroupAssociationLimit",
            Code::TooManyLoadBalancers => "TooManyLoadBalancers",
            Code::TooManyTargetGroups => "TooManyTargetGroups",
            Code::TooManyListeners => "TooManyListeners",
            Code::TooManyRules => "TooManyRules",
            Code::TooManyTargets => "TooManyTargets",
            Code::TooManyCertificates => "TooManyCertificates",
            Code::TooManyActions => "TooManyActions",
            Code::TooManyTags => "TooManyTags",
            Code::TooManyUniqueTargetGroupsPerLoadBalancer => "TooManyUniqueTargetGroupsPerLoadBalancer",
        }
    }
}

impl Error {
    /// An error of the caller's.
    pub fn client(code: Code, message: impl Into<String>) -> Self {
        Error::Client { code, message: message.into() }
    }

    /// A parameter that is not valid.
    pub fn validation(message: impl Into<String>) -> Self {
        Error::client(Code::Validation, message)
    }

    /// ELB offers it, Longshore does not act on it.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Error::client(Code::InvalidConfigurationRequest, message)
    }

    /// ELB's name for it.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Client { code, .. } => code.as_str(),
            Error::Store(_) => "InternalFailure",
        }
    }
}

impl From<store::Error> for Error {
    fn from(source: store::Error) -> Self {
        Error::Store(source)
    }
}

impl From<Error> for ServiceError {
    fn from(error: Error) -> Self {
        let (code, message) = (error.code(), error.to_string());
        match error {
            Error::Store(source) => ServiceError::server(code, message, source),
            Error::Client { .. } => ServiceError::client(code, message),
        }
    }
}

/// EC2's refusals under ELB's names.
pub(super) fn of_network(error: ec2::error::Error) -> Error {
    match error {
        ec2::error::Error::Store(source) => Error::Store(source),
        ec2::error::Error::SubnetNotFound(_) => Error::client(Code::SubnetNotFound, error.to_string()),
        ec2::error::Error::GroupNotFound(_) => Error::client(Code::InvalidSecurityGroup, error.to_string()),
        ec2::error::Error::NoFreeAddress(_) => Error::client(Code::InvalidSubnet, error.to_string()),
        other => Error::client(Code::InvalidConfigurationRequest, other.to_string()),
    }
}
