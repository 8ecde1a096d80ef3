//! The error that leaves a room: what the caller reads, and what the operator reads.
//!
//! Only `code`, `message` and `extra` reach the wire; `cause` is for the log. A room keeps a
//! typed error of its own and turns it into this one in a single place, its `error.rs`.

use std::error::Error as StdError;
use std::fmt;

use wire::Value;

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller's.
    Sender,
    /// Ours.
    Receiver,
}

/// A refused or failed request.
#[derive(Debug)]
pub struct ServiceError {
    /// The error's name in the service's model, such as `ClusterNotFoundException`.
    pub code: String,
    /// The HTTP status.
    pub status: u16,
    /// The text for the caller.
    pub message: String,
    /// Whose fault it is.
    pub fault: Fault,
    /// Members beside the message.
    pub extra: Vec<(String, Value)>,
    /// What happened, for the operator.
    pub cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl ServiceError {
    /// The caller's fault, HTTP 400.
    pub fn client(code: impl Into<String>, message: impl Into<String>) -> Self {
        ServiceError {
            code: code.into(),
            status: 400,
            message: message.into(),
            fault: Fault::Sender,
            extra: Vec::new(),
            cause: None,
        }
    }

    /// Our fault, HTTP 500. The cause is logged and never shown.
    pub fn server(
        code: impl Into<String>,
        message: impl Into<String>,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        ServiceError {
            status: 500,
            fault: Fault::Receiver,
            cause: Some(cause.into()),
            ..ServiceError::client(code, message)
        }
    }

    /// The same error with another HTTP status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same error with another member on the wire.
    #[must_use]
    pub fn extra(mut self, name: &str, value: Value) -> Self {
        self.extra.push((name.to_owned(), value));
        self
    }

    /// Whether the store refused a transaction because others had changed what it read:
    /// the runner tries the operation again.
    pub fn is_conflict(&self) -> bool {
        let mut source = self.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static));
        while let Some(error) = source {
            if error.downcast_ref::<store::Error>().is_some_and(store::Error::is_conflict) {
                return true;
            }
            source = error.source();
        }
        false
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl StdError for ServiceError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}
