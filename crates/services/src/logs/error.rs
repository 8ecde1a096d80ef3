//! What can go wrong in this room, and the exceptions of CloudWatch Logs for it.
//!
//! Texts are the service's own where its users have published them.

use telemetry::pattern::PatternError;
use thiserror::Error;

use crate::error::ServiceError;

/// A refused request, or a failure of ours.
#[derive(Debug, Error)]
pub enum Error {
    /// No group has the name.
    #[error("The specified log group does not exist.")]
    GroupNotFound,
    /// The group has no stream of the name.
    #[error("The specified log stream does not exist.")]
    StreamNotFound,
    /// A tag operation named an ARN without a resource.
    #[error("The specified resource does not exist.")]
    ResourceNotFound,
    /// The group has no filter of the name.
    #[error("The specified {0} filter does not exist.")]
    FilterNotFound(&'static str),
    /// No policy has the name.
    #[error("Policy with name [{0}] does not exist.")]
    PolicyNotFound(String),
    /// No export task has the id.
    #[error("The specified export task does not exist.")]
    ExportNotFound,
    /// What is asked does not go with the state or class of what it is asked of.
    #[error("{0}")]
    InvalidOperation(String),
    /// Somebody else changed it since the caller looked.
    #[error("Multiple concurrent requests to update the same resource were in conflict.")]
    Conflict,
    /// The name is taken.
    #[error("The specified log group already exists")]
    GroupExists,
    /// The name is taken in its group.
    #[error("The specified log stream already exists")]
    StreamExists,
    /// The group may not be deleted.
    #[error("Cannot delete log group {0}: deletion protection is enabled.")]
    Protected(String),
    /// A parameter, or several together, that the service refuses.
    #[error("{0}")]
    Parameter(String),
    /// A filter pattern that does not parse.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A group or resource would have more than 50 tags.
    #[error("The maximum number of tags that a resource can have is 50.")]
    TooManyTags,
    /// A quota would be exceeded.
    #[error("{0}")]
    LimitExceeded(String),
    /// More comes in than can be made durable.
    #[error("Rate exceeded")]
    Throttled,
    /// A batch of a node's spool that overlaps what is stored.
    #[error("The given batch of log events has already been accepted. The next offset is: {have}")]
    AlreadyAccepted {
        /// The first offset still wanted.
        have: u64,
    },
    /// The state store failed.
    #[error("The service is unavailable. Please try again.")]
    Store(#[source] store::Error),
    /// The log store failed.
    #[error("The service is unavailable. Please try again.")]
    Logs(#[source] telemetry::Error),
}

impl Error {
    /// A refusal of parameters, in this text.
    pub fn parameter(text: impl Into<String>) -> Self {
        Error::Parameter(text.into())
    }

    /// The exception's name.
    pub fn code(&self) -> &'static str {
        match self {
            Error::GroupNotFound
            | Error::StreamNotFound
            | Error::ResourceNotFound
            | Error::FilterNotFound(_)
            | Error::PolicyNotFound(_)
            | Error::ExportNotFound => "ResourceNotFoundException",
            Error::InvalidOperation(_) => "InvalidOperationException",
            Error::Conflict => "OperationAbortedException",
            Error::GroupExists | Error::StreamExists => "ResourceAlreadyExistsException",
            Error::Protected(_) => "ValidationException",
            Error::Parameter(_) | Error::Pattern(_) => "InvalidParameterException",
            Error::TooManyTags => "TooManyTagsException",
            Error::LimitExceeded(_) => "LimitExceededException",
            Error::Throttled => "ThrottlingException",
            Error::AlreadyAccepted { .. } => "DataAlreadyAcceptedException",
            Error::Store(_) | Error::Logs(_) => "ServiceUnavailableException",
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Error::Throttled | Error::Store(_) | Error::Logs(_))
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Error::Store(error)
    }
}

impl From<telemetry::Error> for Error {
    fn from(error: telemetry::Error) -> Self {
        match error {
            telemetry::Error::Throttled => Error::Throttled,
            telemetry::Error::Overlap { have } => Error::AlreadyAccepted { have },
            other => Error::Logs(other),
        }
    }
}

impl From<Error> for ServiceError {
    fn from(error: Error) -> Self {
        let (code, message) = (error.code(), error.to_string());
        match error {
            Error::Store(cause) => ServiceError::server(code, message, cause),
            Error::Logs(cause) => ServiceError::server(code, message, cause),
            _ => ServiceError::client(code, message),
        }
    }
}
