//! What can go wrong in this room, and Cloud Map's exceptions for it.

use thiserror::Error;
use wire::Value;

use crate::error::ServiceError;

/// A refused request, or a failure of ours.
#[derive(Debug, Error)]
pub enum Error {
    /// A parameter that is refused.
    #[error("{0}")]
    Input(String),
    /// No namespace has this id or name.
    #[error("The namespace {0} can't be found.")]
    NamespaceNotFound(String),
    /// No service has this id or name.
    #[error("The service {0} can't be found.")]
    ServiceNotFound(String),
    /// The service has no such instance.
    #[error("The instance {0} can't be found.")]
    InstanceNotFound(String),
    /// No operation has this id.
    #[error("The operation {0} can't be found.")]
    OperationNotFound(String),
    /// The name is taken.
    #[error("The namespace {name} already exists.")]
    NamespaceExists {
        /// The name.
        name: String,
        /// Who has it.
        id: String,
        /// What its creator called the request.
        creator_request_id: Option<String>,
    },
    /// The name is taken in its namespace.
    #[error("Service already exists.")]
    ServiceExists {
        /// Who has it.
        id: String,
        /// Its ARN.
        arn: String,
        /// What its creator called the request.
        creator_request_id: Option<String>,
    },
    /// It is not empty.
    #[error("{0}")]
    InUse(&'static str),
    /// The service's instances have no health that could be told.
    #[error("The service {0} has no custom health check.")]
    NoCustomHealth(String),
    /// No resource has this ARN.
    #[error("The resource {0} can't be found.")]
    ResourceNotFound(String),
    /// A resource has as many tags as it can hold.
    #[error("A resource can have at most 50 tags.")]
    TooManyTags,
    /// A service has as many attributes as it can hold.
    #[error("A service can have at most 30 attributes.")]
    TooManyAttributes,
    /// The store failed.
    #[error("An internal error has occurred.")]
    Store(#[source] store::Error),
}

impl Error {
    /// The exception's name and its HTTP status.
    pub fn code(&self) -> (&'static str, u16) {
        match self {
            Error::Input(_) => ("InvalidInput", 400),
            Error::NamespaceNotFound(_) => ("NamespaceNotFound", 404),
            Error::ServiceNotFound(_) => ("ServiceNotFound", 404),
            Error::InstanceNotFound(_) => ("InstanceNotFound", 404),
            Error::OperationNotFound(_) => ("OperationNotFound", 404),
            Error::NamespaceExists { .. } => ("NamespaceAlreadyExists", 400),
            Error::ServiceExists { .. } => ("ServiceAlreadyExists", 400),
            Error::InUse(_) => ("ResourceInUse", 409),
            Error::NoCustomHealth(_) => ("CustomHealthNotFound", 404),
            Error::ResourceNotFound(_) => ("ResourceNotFoundException", 404),
            Error::TooManyTags => ("TooManyTagsException", 400),
            Error::TooManyAttributes => ("ServiceAttributesLimitExceededException", 400),
            Error::Store(_) => ("InternalFailure", 500),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Error::Store(error)
    }
}

impl From<Error> for ServiceError {
    fn from(error: Error) -> ServiceError {
        let ((code, status), message) = (error.code(), error.to_string());
        let refused = ServiceError::client(code, message.clone()).status(status);
        let text = |value: String| Value::String(value);
        match error {
            Error::Store(cause) => ServiceError::server(code, message, cause),
            Error::NamespaceExists { id, creator_request_id, .. } => {
                let refused = refused.extra("NamespaceId", text(id));
                creator_request_id.into_iter().fold(refused, |it, id| it.extra("CreatorRequestId", text(id)))
            }
            Error::ServiceExists { id, arn, creator_request_id } => {
                let refused = refused.extra("ServiceId", text(id)).extra("ServiceArn", text(arn));
                creator_request_id.into_iter().fold(refused, |it, id| it.extra("CreatorRequestId", text(id)))
            }
            _plain => refused,
        }
    }
}
