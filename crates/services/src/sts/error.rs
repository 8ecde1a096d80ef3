//! What can go wrong in this room, and STS's error codes for it.

use thiserror::Error;

use crate::error::ServiceError;

/// A refused request.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum Error {
    /// A session asks for a session.
    #[error("Cannot call GetSessionToken with session credentials")]
    CalledBySession,
    /// The root asks for a role.
    #[error("Roles may not be assumed by root accounts.")]
    CalledByRoot,
    /// The caller may not, or the role does not let it.
    #[error("{0}")]
    Denied(String),
    /// A value that the role or the session does not allow.
    #[error("{0}")]
    Validation(String),
    /// A session policy is no policy.
    #[error("{0}")]
    MalformedPolicy(String),
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
            Error::CalledBySession | Error::NoMfaDevice | Error::CalledByRoot | Error::Denied(_) => {
                ("AccessDenied", 403)
            }
            Error::MalformedKeyId | Error::Validation(_) => ("ValidationError", 400),
            Error::MalformedPolicy(_) => ("MalformedPolicyDocument", 400),
        };
        ServiceError::client(code, error.to_string()).status(status)
    }
}
