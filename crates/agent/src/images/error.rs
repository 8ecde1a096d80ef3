//! Why an image is not there, and how ECS words it.

use super::inspect::Hostile;
use crate::containerd::was_away;

/// Why a pull failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The reference is malformed.
    #[error("invalid reference format")]
    Reference,
    /// The registry has no such image.
    #[error("{shown}: not found")]
    NotFound {
        /// The reference.
        shown: String,
    },
    /// The registry wants other credentials.
    #[error(
        "pull access denied, repository does not exist or may require authorization: server message: {message}"
    )]
    Denied {
        /// What the registry said.
        message: String,
    },
    /// The registry cannot be reached, or fails.
    #[error("{0}")]
    Registry(String),
    /// A manifest, an index or a configuration is not what it should be.
    #[error("{0}")]
    Malformed(String),
    /// The image is made for other machines.
    #[error("image Manifest does not contain descriptor matching platform '{platform}'")]
    Platform {
        /// This machine's platform.
        platform: String,
    },
    /// A layer would do what no layer may.
    #[error("layer {digest} refused: {hostile}")]
    Hostile {
        /// The layer.
        digest: String,
        /// What it would do.
        hostile: Hostile,
    },
    /// A layer is not what the manifest says.
    #[error("{0}")]
    Layer(String),
    /// containerd failed.
    #[error("{attempt}: {message}")]
    Containerd {
        /// What was attempted.
        attempt: &'static str,
        /// What it said.
        message: String,
        /// Whether it was away, and may be back.
        away: bool,
    },
    /// The pull was given up by those who began it.
    #[error("context canceled")]
    Cancelled,
}

/// In which part of a pull an error came up; it decides about ECS's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Asking the registry what the reference means.
    Resolve,
    /// Fetching and unpacking.
    Fetch,
}

/// A failed pull with all that its text needs.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) phase: Phase,
    pub(super) attempts: u32,
}

impl Error {
    /// Whether trying again may help.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            Error::Registry(_) => true,
            Error::Containerd { away, .. } => *away,
            Error::Reference
            | Error::NotFound { .. }
            | Error::Denied { .. }
            | Error::Malformed(_)
            | Error::Platform { .. }
            | Error::Hostile { .. }
            | Error::Layer(_)
            | Error::Cancelled => false,
        }
    }

    /// Wraps containerd's refusal.
    pub(super) fn containerd(attempt: &'static str) -> impl FnOnce(tonic::Status) -> Error {
        move |status| Error::Containerd {
            attempt,
            message: status.message().to_string(),
            away: was_away(&status),
        }
    }
}

impl Failure {
    /// The reason as Fargate gives it.
    pub(super) fn reason(&self, shown: &str) -> String {
        let tries = format!("has been retried {} time(s)", self.attempts.max(1));
        match (&self.error, self.phase) {
            (Error::Reference, _) => format!("CannotPullContainerError: {}", self.error),
            (Error::Platform { .. }, _) => format!("CannotPullContainerError: {}", self.error),
            (error, Phase::Resolve) => format!(
                "CannotPullContainerError: pull image manifest {tries}: failed to resolve ref {shown}: {error}"
            ),
            (error, Phase::Fetch) => format!("CannotPullContainerError: ref pull {tries}: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_image_reads_as_on_fargate() {
        let shown = "docker.io/library/no:such".to_string();
        let failure =
            Failure { error: Error::NotFound { shown: shown.clone() }, phase: Phase::Resolve, attempts: 1 };
        assert_eq!(
            failure.reason(&shown),
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
             docker.io/library/no:such: docker.io/library/no:such: not found"
        );
    }
}
