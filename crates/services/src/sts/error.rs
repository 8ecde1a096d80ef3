//! What can go wrong in this room, and STS's error codes for it.

use thiserror::Error;

use crate::error::ServiceError;

/// A refused request.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum Error {
    /// A session asks for a session.
    #[error("Cannot call GetSessionToken with session credentials")]
    CalledBySession,
    /// A code of an MFA device, of which there are none.
    #[error("MultiFactorAuthentication failed with invalid MFA one time pass code.")]
    NoMfaDevice,
    /// No account is in the access key id.
    #[error("The access key ID is not valid.")]
    MalformedKeyId,
}

impl From<Error> for ServiceError {
    fn from(error: Error) -> ServiceError {
        let (code, status) = match error {
            Error::CalledBySession | Error::NoMfaDevice => ("AccessDenied", 403),
            Error::MalformedKeyId => ("ValidationError", 400),
        };
        ServiceError::client(code, error.to_string()).status(status)
    }
}
