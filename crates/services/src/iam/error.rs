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
    #[error("Cannot exceed quota for {quota}: {limit}")]
    LimitExceeded {
        /// Its name.
        quota: &'static str,
        /// How much it allows.
        limit: usize,
    },
    /// A limit that IAM puts into other words.
    #[error("{0}")]
    Limit(String),
    /// Nothing has this name.
    #[error("{0}")]
    NoSuchEntity(String),
    /// The name of something else than a certificate is taken.
    #[error("{0}")]
    EntityExists(String),
    /// Something must be removed first.
    #[error("{0}")]
    DeleteConflict(String),
    /// A document is no policy, or none for this place.
    #[error("{0}")]
    MalformedPolicy(#[from] auth::policy::Malformed),
    /// A value that does not go with the others.
    #[error("{0}")]
    InvalidInput(String),
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

impl Error {
    /// Nothing of this kind has this name.
    pub(super) fn missing(kind: &str, name: &str) -> Self {
        Error::NoSuchEntity(format!("The {kind} with name {name} cannot be found."))
    }

    /// Something of this kind has this name already.
    pub(super) fn taken(kind: &str, name: &str) -> Self {
        Error::EntityExists(format!("{kind} with name {name} already exists."))
    }

    /// Before an entity can be deleted, this must be done.
    pub(super) fn first(what: &str) -> Self {
        Error::DeleteConflict(format!("Cannot delete entity, must {what} first."))
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
            Error::LimitExceeded { .. } | Error::Limit(_) => ("LimitExceeded", 409),
            Error::NoSuchEntity(_) => ("NoSuchEntity", 404),
            Error::EntityExists(_) => ("EntityAlreadyExists", 409),
            Error::DeleteConflict(_) => ("DeleteConflict", 409),
            Error::MalformedPolicy(_) => ("MalformedPolicyDocument", 400),
            Error::InvalidInput(_) => ("InvalidInput", 400),
            Error::Validation(_) => ("ValidationError", 400),
        };
        ServiceError::client(code, message).status(status)
    }
}
