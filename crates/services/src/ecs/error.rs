//! What can go wrong in this room, and the exceptions of ECS's API for it.
//!
//! All of the caller's errors are HTTP 400. The texts are ECS's own where they are known.

use thiserror::Error;

use crate::error::ServiceError;

/// A refused request, or a failure of ours.
#[derive(Debug, Error)]
pub enum Error {
    /// The request cannot be done as it is.
    #[error("{0}")]
    Client(String),
    /// A role cannot be taken for a task.
    #[error("{0}")]
    Role(String),
    /// A parameter is not valid.
    #[error("{0}")]
    InvalidParameter(String),
    /// The cluster does not exist or is inactive.
    #[error("Cluster not found.")]
    ClusterNotFound,
    /// The cluster has tasks that have not stopped.
    #[error("The Cluster cannot be deleted while Tasks are active.")]
    ClusterContainsTasks,
    /// The cluster has container instances that were registered in it on purpose.
    #[error("The Cluster cannot be deleted while Container Instances are active or draining.")]
    ClusterContainsContainerInstances,
    /// What is to get attributes does not exist.
    #[error("The specified target was not found.")]
    TargetNotFound,
    /// A container instance would have too many attributes.
    #[error("The maximum number of custom attributes of a container instance is 10.")]
    AttributeLimitExceeded,
    /// The cluster has services that are not gone.
    #[error("The Cluster cannot be deleted while Services are active.")]
    ClusterContainsServices,
    /// A Cloud Map namespace does not exist.
    #[error("The specified namespace was not found.")]
    NamespaceNotFound,
    /// A service does not exist.
    #[error("Service not found.")]
    ServiceNotFound,
    /// A task set does not exist.
    #[error("The task set was not found.")]
    TaskSetNotFound,
    /// A service is draining or inactive.
    #[error("Service was not ACTIVE.")]
    ServiceNotActive,
    /// A service deployment does not exist.
    #[error("The service deployment was not found.")]
    ServiceDeploymentNotFound,
    /// What is asked for is at odds with the state.
    #[error("{0}")]
    Conflict(String),
    /// Something that is tagged does not exist.
    #[error("{0}")]
    ResourceNotFound(String),
    /// A quota would be exceeded.
    #[error("{0}")]
    LimitExceeded(String),
    /// The idempotency token was used with other parameters.
    #[error("Client token has already been used with different parameters.")]
    TokenReused,
    /// The Fargate platform version does not exist.
    #[error("{0}")]
    PlatformUnknown(String),
    /// The feature is ECS's, and not served here.
    #[error("{0}")]
    UnsupportedFeature(String),
    /// The container cannot be reached for a command.
    #[error("{0}")]
    TargetNotConnected(String),
    /// The store failed; conflicts never get further than the runner.
    #[error("Service Unavailable. Please try again later.")]
    Store(#[source] store::Error),
}

impl Error {
    /// A member of a task definition that is not valid.
    pub(crate) fn task_setting(member: &str) -> Self {
        Error::Client(format!("Invalid '{member}' setting for task."))
    }

    /// A member of a container definition that is not valid.
    pub(crate) fn container_setting(member: &str, container: &impl ToString) -> Self {
        Error::Client(format!("Invalid '{member}' setting for container '{}'.", container.to_string()))
    }

    /// A member of a container definition that is not valid, and why.
    pub(crate) fn container_setting_because(member: &str, container: &impl ToString, why: &str) -> Self {
        let container = container.to_string();
        Error::Client(format!("Invalid '{member}' setting for container '{container}'. {why}"))
    }

    /// The exception's name in ECS's model.
    fn code(&self) -> &'static str {
        match self {
            Error::Client(_) | Error::Role(_) => "ClientException",
            Error::InvalidParameter(_) => "InvalidParameterException",
            Error::ClusterNotFound => "ClusterNotFoundException",
            Error::ClusterContainsTasks => "ClusterContainsTasksException",
            Error::ClusterContainsContainerInstances => "ClusterContainsContainerInstancesException",
            Error::TargetNotFound => "TargetNotFoundException",
            Error::AttributeLimitExceeded => "AttributeLimitExceededException",
            Error::ClusterContainsServices => "ClusterContainsServicesException",
            Error::TaskSetNotFound => "TaskSetNotFoundException",
            Error::ServiceNotActive => "ServiceNotActiveException",
            Error::ServiceDeploymentNotFound => "ServiceDeploymentNotFoundException",
            Error::Conflict(_) => "ConflictException",
            Error::NamespaceNotFound => "NamespaceNotFoundException",
            Error::ServiceNotFound => "ServiceNotFoundException",
            Error::ResourceNotFound(_) => "ResourceNotFoundException",
            Error::LimitExceeded(_) => "LimitExceededException",
            Error::TokenReused => "ConflictException",
            Error::PlatformUnknown(_) => "PlatformUnknownException",
            Error::UnsupportedFeature(_) => "UnsupportedFeatureException",
            Error::TargetNotConnected(_) => "TargetNotConnectedException",
            Error::Store(_) => "ServerException",
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
            Error::Client(_)
            | Error::Role(_)
            | Error::InvalidParameter(_)
            | Error::ClusterNotFound
            | Error::ClusterContainsTasks
            | Error::ClusterContainsContainerInstances
            | Error::TargetNotFound
            | Error::AttributeLimitExceeded
            | Error::ClusterContainsServices
            | Error::TaskSetNotFound
            | Error::ServiceNotActive
            | Error::ServiceDeploymentNotFound
            | Error::Conflict(_)
            | Error::NamespaceNotFound
            | Error::ServiceNotFound
            | Error::ResourceNotFound(_)
            | Error::LimitExceeded(_)
            | Error::TokenReused
            | Error::PlatformUnknown(_)
            | Error::UnsupportedFeature(_)
            | Error::TargetNotConnected(_) => ServiceError::client(code, message),
        }
    }
}
