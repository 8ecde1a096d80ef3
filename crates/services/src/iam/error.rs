//! What can go wrong in this room, and IAM's error codes for it.

use thiserror::Error;

use crate::error::ServiceError;

/// A refused request, or a failure of ours.
#[derive(Debug, Error)]
pub enum Error {
    /// No certificate has this name.
    #[error("The Server Certificate with name {0} cannot be found.")]
    NoSuchCertificate(String),
    /// The name is taken.
    #[error("The Server Certificate with name {0} already exists.")]
    AlreadyExists(String),
    /// What was uploaded is no certificate, or no private key.
    #[error("Unable to parse {what}. Please ensure the {what} is in PEM format.")]
    Malformed {
        /// Which part.
        what: &'static str,
    },
    /// The private key is another certificate's.
    #[error("The private key does not match the certificate.")]
    KeyPairMismatch,
    /// Listeners use the certificate.
    #[error(
        "Certificate: {id} is currently in use by {user}. Please remove it first before deleting it from IAM."
    )]
    InUse {
        /// The certificate's id.
        id: String,
        /// A listener's ARN.
        user: String,
    },
    /// A quota.
    #[error("Cannot exceed quota for ServerCertificatesPerAccount: {0}")]
    LimitExceeded(usize),
    /// A parameter is not valid.
    #[error("{0}")]
    Validation(String),
    /// The store failed.
    #[error("An internal error has occurred")]
    Store(#[source] store::Error),
}

impl From<store::Error> for Error {
    fn from(source: store::Error) -> Self {
        Error::Store(source)
    }
}

impl From<Error> for ServiceError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let (code, status) = match error {
            Error::Store(source) => return ServiceError::server("ServiceFailure", message, source),
            Error::NoSuchCertificate(_) => ("NoSuchEntity", 404),
            Error::AlreadyExists(_) => ("EntityAlreadyExists", 409),
            Error::Malformed { .. } => ("MalformedCertificate", 400),
            Error::KeyPairMismatch => ("KeyPairMismatch", 400),
            Error::InUse { .. } => ("DeleteConflict", 409),
            Error::LimitExceeded(_) => ("LimitExceeded", 409),
            Error::Validation(_) => ("ValidationError", 400),
        };
        ServiceError::client(code, message).status(status)
    }
}
