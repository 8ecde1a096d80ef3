//! What can go wrong in this room, and Systems Manager's exceptions for it.

use thiserror::Error;

use crate::error::ServiceError;

/// A refused request.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum Error {
    /// No such session, or it has ended.
    #[error("Session {0} does not exist")]
    NoSession(String),
    /// A token that no answer gave.
    #[error("The specified token is not valid.")]
    NextToken,
    /// A filter whose value cannot be read.
    #[error("The value of the filter {0} is not valid.")]
    FilterValue(String),
}

impl From<Error> for ServiceError {
    fn from(error: Error) -> ServiceError {
        let code = match error {
            Error::NoSession(_) => "DoesNotExistException",
            Error::NextToken => "InvalidNextToken",
            Error::FilterValue(_) => "ValidationException",
        };
        ServiceError::client(code, error.to_string())
    }
}
